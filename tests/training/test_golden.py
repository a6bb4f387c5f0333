"""The project's step against the paper's algorithm, written as a textbook would, under the same noise."""

from __future__ import annotations

import pytest
import torch
from golden import textbook

from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.training.state import TrainingState

ITERATIONS = 5
BATCH = 8
MODELS = {
    "mlp": {"name": "mlp", "latent_dim": 6, "generator": {"widths": [16, 32]}, "critic": {"widths": [32, 16]}},
    "dcgan": {"name": "dcgan", "latent_dim": 6, "generator": {"channels": [16, 8]}, "critic": {"channels": [8, 16]}},
}
# Both sides do the same sums in another order, so they may differ by float32's rounding, 1.2e-7 of a weight near 1, a
# few times over. Wrong mathematics would show at the size of a step, which is a thousand times this.
TOLERANCE = 2e-6


def state_of(small, family: str, n_critic: int) -> TrainingState:
    """On noise, because the even background of real digits puts many inputs of an activation exactly on its kink."""
    return small.state(
        images=64, model=MODELS[family], objective={"name": "wgan_gp", "n_critic": n_critic}, batch_size=BATCH
    )


@pytest.mark.parametrize("n_critic", [1, 3])
@pytest.mark.parametrize("family", MODELS)
def test_equals_the_textbook(small, family, n_critic):
    state = state_of(small, family, n_critic)
    plain = {role: textbook.plain_copy(network) for role, network in state.networks.items()}
    before = {role: [p.detach().clone() for p in network.parameters()] for role, network in plain.items()}
    book = textbook.Textbook(plain["generator"], plain["critic"], state.recipe)
    for optimizer in (*state.optimizers.values(), book.generator_adam, book.critic_adam):
        for group in optimizer.param_groups:
            group["eps"] = 1e-3  # with 1e-8, the rounding noise of a zero gradient becomes a whole step

    noise = torch.get_rng_state()
    loader = DeviceLoader(small.images(64), BATCH, state.recipe.seed, state.device)
    for _ in range(ITERATIONS):
        reals = [loader.next()[0] for _ in range(n_critic)]
        book.iterate(reals, textbook.draw_noise(BATCH, state.recipe.model.latent_dim, n_critic))
    torch.set_rng_state(noise)
    for step in range(ITERATIONS):
        state.engine(step)

    for role, network in plain.items():
        expected = network.state_dict()
        for name, value in state.networks[role].state_dict().items():  # batch norm's statistics with the weights
            torch.testing.assert_close(value, expected[name], rtol=0, atol=TOLERANCE, msg=lambda m, n=name: f"{n}: {m}")
        moved = max((p - b).abs().max().item() for p, b in zip(network.parameters(), before[role], strict=True))
        assert moved > 500 * TOLERANCE, "five iterations that change nothing would prove nothing"


def test_textbook_uses_plain_layers(small):
    networks = state_of(small, "dcgan", 1).networks.values()
    modules = (module for network in networks for module in textbook.plain_copy(network).modules())
    leaves = {type(module) for module in modules if not [*module.children()]}
    layers = {kind for kind in leaves if kind.__name__ not in ("ConditionalLatent", "LabelChannel")}
    assert {torch.nn.LeakyReLU, torch.nn.Conv2d, torch.nn.ConvTranspose2d} <= layers
    assert not any(kind.__module__.startswith("wgan_cli") for kind in layers)
