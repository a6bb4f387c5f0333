"""Containers of image files: folders, archives, and files of arrays or tables."""
