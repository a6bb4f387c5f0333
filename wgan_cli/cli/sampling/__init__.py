"""Images of `wgan sample`: from noise, and with --reconstruct and --translate."""
