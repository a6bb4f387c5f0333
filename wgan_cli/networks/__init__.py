"""Networks: one module per family."""

from wgan_cli.networks.build import FAMILIES, build_network

__all__ = ["FAMILIES", "build_network"]
