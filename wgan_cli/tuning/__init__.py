"""Search of a recipe's settings by successive halving; `wgan tune`."""
