"""Precision: autocast, loss scaling and half-precision copies of frozen weights."""
