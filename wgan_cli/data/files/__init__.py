"""Image files: containers, decoding and the decoded-image cache."""
