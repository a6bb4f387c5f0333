"""`python -m wgan_cli` is the same program as `wgan`."""

from wgan_cli.cli.app import main

main()
