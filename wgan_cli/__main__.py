"""`python -m wgan_cli` is the same program as `wgan`."""

from wgan_cli.commands.app import main

main()
