"""Measurements of `wgan evaluate`: what is evaluated, and how."""
