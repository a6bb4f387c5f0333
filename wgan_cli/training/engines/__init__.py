"""Engines that run one iteration: eager, CUDA graph and torch.compile."""
