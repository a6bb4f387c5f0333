"""Networks given as lists of layers."""

from wgan_cli.networks.sequential.network import Generator, body

__all__ = ["Generator", "body"]
