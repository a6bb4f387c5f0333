"""The memory of an objective: saved in checkpoints, unchanged by autotuning, refused by the compiler."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from wgan_cli.errors import EngineUnavailable
from wgan_cli.objectives import OBJECTIVES
from wgan_cli.training.engines.select import make_engine


class LastFakes(nn.Module):
    """Counts runs and keeps a number that depends on all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(()))


@pytest.fixture
def remembering(monkeypatch):
    """wgan_gp whose critic's loss leans on the mean of all fakes so far."""
    plain = OBJECTIVES["wgan_gp"]

    def objective(*arguments):
        made, memory = plain(*arguments), LastFakes()
        critic, generator = made.phases

        def loss(networks, batch):
            found = critic.loss(networks, batch)
            with torch.no_grad():
                memory.count += 1
                memory.mean.lerp_(batch.z.mean(), 0.1)
            return found._replace(total=found.total * (1 + memory.mean))

        return replace(made, phases=(replace(critic, loss=loss), generator), state=memory)

    monkeypatch.setitem(OBJECTIVES, "wgan_gp", objective)


def test_memory_is_restored(remembering, small):
    torch.manual_seed(0)
    whole = small.run(small.state(), 6)
    torch.manual_seed(0)
    half = small.run(small.state(), 3)
    kept = small.checkpoint(half)
    assert kept.training["memory"]["count"] == 6
    torch.manual_seed(9)
    resumed = small.state()
    resumed.restore(kept)
    small.run(resumed, 3)
    assert torch.equal(resumed.objective.state.mean, whole.objective.state.mean)
    for mine, theirs in zip(
        resumed.networks["critic"].parameters(), whole.networks["critic"].parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_autotuning_leaves_no_memory(remembering, small, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("wgan_cli.training.engines.autotune.available_threads", lambda device: 2)
    monkeypatch.setattr("wgan_cli.training.engines.autotune.ROUND_SECONDS", 0.0)
    before = torch.get_num_threads()
    state = small.state(steps=600)
    torch.set_num_threads(before)
    assert state.autotune_summary
    assert state.objective.state.count == 0


def test_memory_cannot_be_compiled(remembering, small):
    with pytest.raises(EngineUnavailable, match="memory"):
        make_engine("compile", small.state().training_step)
