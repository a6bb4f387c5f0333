"""Parts of `wgan augment`."""
