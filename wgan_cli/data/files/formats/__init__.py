"""File formats that Pillow doesn't read as they are: NumPy arrays, and TIFFs and PNGs with many bits or bands."""
