"""Precision: autocast, loss scaling, TF32 and half-precision copies of frozen weights."""
