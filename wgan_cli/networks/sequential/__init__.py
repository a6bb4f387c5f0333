"""Networks given as lists of layers."""

from wgan_cli.networks.sequential.network import Generator, SequentialBody

__all__ = ["Generator", "SequentialBody"]
