"""Data sources: built-in sets, image folders, arrays and shards."""
