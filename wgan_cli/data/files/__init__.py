"""Image files: their selection, decoding and the decoded-image cache."""
