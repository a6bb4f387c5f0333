"""The EMA of a fine-tuned run: it goes on from that of the source."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from wgan_cli.training.build_state import build_state
from wgan_cli.training.finetuning.initial_weights import InitialWeights
from wgan_cli.training.state import TrainingState

STEPS, DECAY = 1000, 0.99


@pytest.fixture(scope="module")
def source(small) -> InitialWeights:
    """Weights that count as those of step 1,000, with an EMA of their own."""
    state = small.run(small.state(ema_decay=DECAY), 2)
    state.step = STEPS
    return InitialWeights(small.checkpoint(state), Path("source.pth"))


@pytest.fixture
def tuned(small, source):
    def build(**changes) -> TrainingState:
        recipe = small.recipe(ema_decay=DECAY, **changes)
        return build_state(recipe, small.images(), torch.device("cpu"), source=source)

    return build


def test_average_goes_on(small, source, tuned):
    state = tuned()
    average = copy.deepcopy(source.checkpoint.networks["generator"])
    for step in range(3):
        small.run(state, 1)
        decay = min(DECAY, (1 + STEPS + step) / (10 + STEPS + step))
        for name, weight in state.networks["generator"].named_parameters():
            average[name] = decay * average[name] + (1 - decay) * weight.detach()
    for name, parameter in state.ema.network.named_parameters():
        torch.testing.assert_close(parameter, average[name])


def test_resumed_average_goes_on(small, tuned):
    whole, resumed = small.run(tuned(), 4), small.state(ema_decay=DECAY)
    resumed.restore(small.checkpoint(small.run(tuned(), 2)))
    small.run(resumed, 2)
    expected = whole.ema.network.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.ema.network.state_dict().items())
    assert InitialWeights(small.checkpoint(resumed), Path("next.pth")).averaged_steps == STEPS + 4


def test_random_layers_fade_fast(tuned):
    wide = {"name": "mlp", "latent_dim": 6, "generator": {"widths": [16, 16]}, "critic": {"widths": [16]}}
    assert tuned().ema.earlier_steps == STEPS and tuned(model=wide).ema.earlier_steps == 0
