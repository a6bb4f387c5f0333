"""Quality and diversity of generated images, measured against real images."""
