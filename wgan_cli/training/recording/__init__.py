"""Logs, sample grids, checkpoints, evaluation and diagnostics during training."""
