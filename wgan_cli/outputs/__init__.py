"""What a trained generator and a run give a person: images, grids, animations, curves."""
