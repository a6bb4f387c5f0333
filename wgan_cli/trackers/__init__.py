"""Experiment trackers: Weights & Biases, MLflow and Trackio."""
