"""Layers of networks that are given as lists."""
