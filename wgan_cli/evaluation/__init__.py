"""How good generated images are, in numbers that stand beside those of real images."""
