"""Loaders that turn an image set into batches on the training device."""
