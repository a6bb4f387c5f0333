"""Transfer of weights between networks of the same layers for images of other channels, classes or sizes."""

from wgan_cli.networks.transfer.adaptation import ImageKind, Transfer, transfer

__all__ = ["ImageKind", "Transfer", "transfer"]
