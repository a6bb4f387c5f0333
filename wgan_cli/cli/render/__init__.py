"""Terminal output: tables, images, curves, progress and reports."""
