"""Networks: one module per family."""

from wgan_cli.networks.build import FAMILIES, ROLES, build_network, check_fits

__all__ = ["FAMILIES", "ROLES", "build_network", "check_fits"]
