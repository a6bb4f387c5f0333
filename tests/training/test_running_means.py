"""Running means of loss terms."""

from __future__ import annotations

import torch
from torch import Tensor

from wgan_cli.training.running_means import RunningMeans

CPU = torch.device("cpu")


def scalars(**values: float) -> dict[str, Tensor]:
    return {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}


def test_terms_are_counted_separately():
    metrics = RunningMeans()
    metrics.add(scalars(a=1.0, b=10.0))
    metrics.add(scalars(a=2.0))
    metrics.add(scalars(a=6.0, b=20.0))
    assert metrics.read() == ({"a": 3.0, "b": 15.0}, [])
    metrics.reset()
    assert metrics.read() == ({}, [])
    metrics.add(scalars(a=5.0))
    assert metrics.read(torch.tensor(7.0)) == ({"a": 5.0}, [7.0])


def test_sums_keep_no_graph_and_leave_the_loss_alone():
    metrics = RunningMeans()
    first = scalars(a=1.0)
    metrics.add(first)
    place = metrics.sums["a"].data_ptr()
    metrics.add(scalars(a=2.0))
    assert first["a"].item() == 1.0 and not metrics.sums["a"].requires_grad
    metrics.reset()
    metrics.add(scalars(a=2.0))
    assert metrics.sums["a"].data_ptr() == place, "a captured iteration adds to this place"


def test_captured_values_are_counted_at_replay():
    metrics = RunningMeans()
    metrics.add(scalars(a=1.0))
    with metrics.captured_counts() as counts:
        metrics.add(scalars(a=1.0, b=1.0))
    assert counts == {"a": 1, "b": 1} and metrics.counts == {"a": 1}
    metrics.counts.update(counts)
    assert metrics.counts == {"a": 2, "b": 1}
