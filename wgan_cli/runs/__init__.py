"""Run folders: checkpoints, metrics, TensorBoard logs and locks."""
