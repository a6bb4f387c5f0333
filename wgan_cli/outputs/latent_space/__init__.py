"""The latent space of a generator: vectors of seeds and files, styles, directions, walks and projection."""
