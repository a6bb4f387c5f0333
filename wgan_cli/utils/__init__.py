"""Helpers without torch networks: files, formatting, memory and seeds."""
