"""Running means of loss terms."""

from __future__ import annotations

import pytest
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
    assert metrics.pop_means() == {"a": 3.0, "b": 15.0}
    assert metrics.pop_means() == {}
    metrics.add(scalars(a=5.0))
    assert metrics.pop_means() == {"a": 5.0}


def test_micro_batches_count_once():
    metrics = RunningMeans()
    metrics.add(scalars(a=1.0), scalars(a=3.0))
    metrics.add(scalars(a=5.0), scalars(a=5.0))
    assert metrics.counts == {"a": 2} and metrics.pop_means() == {"a": 3.5}


def test_sums_keep_no_graph_and_leave_the_loss_alone():
    metrics = RunningMeans()
    first = scalars(a=1.0)
    metrics.add(first)
    place = metrics.sums["a"].data_ptr()
    metrics.add(scalars(a=2.0))
    assert first["a"].item() == 1.0 and not metrics.sums["a"].requires_grad
    metrics.pop_means()
    metrics.add(scalars(a=2.0))
    assert metrics.sums["a"].data_ptr() == place, "a captured iteration adds to this place"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_one_bad_value_spoils_the_mean(bad):
    metrics = RunningMeans()
    for value in (1.0, bad, 1.0):
        metrics.add(scalars(a=value))
    mean = metrics.pop_means()["a"]
    assert mean != mean or mean == bad


def test_captured_values_are_counted_at_replay():
    metrics = RunningMeans()
    metrics.add(scalars(a=1.0))
    with metrics.captured_counts() as counts:
        metrics.add(scalars(a=1.0, b=1.0))
    assert counts == {"a": 1, "b": 1} and metrics.counts == {"a": 1}
    metrics.counts.update(counts)
    assert metrics.counts == {"a": 2, "b": 1}


def test_saved_sums_continue():
    whole, before, after = RunningMeans(), RunningMeans(), RunningMeans()
    values = [scalars(a=1.0, b=4.0), scalars(a=2.0), scalars(a=4.0, b=1.0)]
    for value in values:
        whole.add(value)
    for value in values[:2]:
        before.add(value)
    after.load_state_dict(before.state_dict(), CPU)
    after.add(values[2])
    assert after.pop_means() == whole.pop_means()
