"""Networks by family and role."""

from wgan_cli.networks.build import FAMILIES, FURTHER_ROLES, ROLES, build_network, check_fits

__all__ = ["FAMILIES", "FURTHER_ROLES", "ROLES", "build_network", "check_fits"]
