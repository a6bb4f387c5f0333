"""Distributed training: one process per device, started by torchrun.

Every rank holds all weights and computes its shard of each batch; gradients are all-reduced after the backward pass, so
that the weights stay equal. Random numbers are drawn for the whole batch (`rng`), and layers and losses that look at a
whole batch use differentiable collectives (`collectives`), so that the result doesn't depend on the number of
processes. Only the main process, rank 0, writes and logs (`process_group`). A single process pays nothing for this.
"""
