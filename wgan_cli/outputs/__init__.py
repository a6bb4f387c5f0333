"""Images, grids, animations and curves from trained generators and runs."""
