"""DiffAugment and instance noise: distributions, gradients, and everything that the critic sees."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.objectives import Batch, build_objective
from wgan_cli.objectives import diff_augment as module
from wgan_cli.objectives.diff_augment import POLICIES, augment_critic, color, cutout, diff_augment, translation
from wgan_cli.objectives.instance_noise import InstanceNoise, make_noise
from wgan_cli.recipe import ImageShape, recipe_from_dict

ALL = tuple(POLICIES)
CPU = torch.device("cpu")


def noise(count: int = 6, channels: int = 3, size: int = 8, dtype=torch.float32) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(count, channels, size, size, generator=random, dtype=dtype) * 2 - 1


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_no_policy_is_the_identity():
    networks = {"generator": nn.Identity(), "critic": nn.Identity()}
    assert augment_critic(networks, ()) is networks
    images = noise()
    state = torch.get_rng_state()
    assert diff_augment(images, ()) is images
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("policy", [*[(name,) for name in ALL], ALL])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_policies_keep_the_shape(policy, channels):
    images = noise(channels=channels)
    before = images.clone()
    changed = diff_augment(images, policy)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    assert not torch.equal(changed, images)
    assert torch.equal(images, before)


def test_four_bands_have_no_transparency():
    images = noise(channels=4)
    assert torch.equal(diff_augment(images, ("color",))[:, 3], images[:, 3])
    critic = augment_critic({"critic": nn.Identity()}, ("color",), bands=True)["critic"]
    critic.critic.forward = lambda images, labels: images
    assert not torch.equal(critic(images)[:, 3], images[:, 3])


def test_order_of_names_does_not_matter():
    torch.manual_seed(1)
    forwards = diff_augment(noise(), ALL)
    torch.manual_seed(1)
    assert torch.equal(diff_augment(noise(), ALL[::-1]), forwards)


@pytest.mark.parametrize("name", ALL)
def test_derivatives(name):
    images = noise(1, 3, 4, torch.float64).requires_grad_()

    def change(images: Tensor) -> Tensor:
        torch.manual_seed(4)
        return POLICIES[name](images)

    assert torch.autograd.gradcheck(change, images)
    # The penalty needs second derivatives; the power makes them nonzero.
    assert torch.autograd.gradgradcheck(lambda x: change(x).pow(3), images)


def test_brightness():
    # A uniform gray image has neither saturation nor contrast.
    changed = color(torch.zeros(500, 3, 4, 4))
    assert torch.allclose(changed, changed[:, :1, :1, :1].expand_as(changed), atol=1e-6)
    shifts = changed[:, 0, 0, 0]
    assert -0.5 <= shifts.min() < -0.45 and 0.45 < shifts.max() <= 0.5


def test_ranges_of_the_paper(monkeypatch):
    asked = []
    on_samples = module.uniform
    monkeypatch.setattr(
        module, "uniform", lambda x, low, high: (asked.append((low, high)), on_samples(x, low, high))[1]
    )
    color(noise())
    assert asked == [(-0.5, 0.5), (0.0, 2.0), (0.5, 1.5)]


def test_color_keeps_alpha():
    images = noise(channels=4)
    assert torch.equal(color(images)[:, 3], images[:, 3])


def test_color_changes_all_bands():
    images = noise(channels=5)
    assert (color(images) != images).flatten(2).any(2).all()


def test_translation():
    images = torch.zeros(900, 1, 16, 16)
    images[:, :, 8, 8] = 1.0
    moved = translation(images)
    places = {divmod(image.argmax().item(), 16) for image in moved}
    assert places == {(row, column) for row in range(6, 11) for column in range(6, 11)}
    assert (moved.sum((1, 2, 3)) == 1).all()
    ones = translation(torch.ones(300, 2, 16, 16))
    assert set(ones.unique().tolist()) == {0.0, 1.0}
    kept = ones[:, 0].sum((1, 2))
    assert kept.min() == 14 * 14 and kept.max() == 16 * 16
    assert torch.equal(ones[:, 0], ones[:, 1])


@pytest.mark.parametrize("size", [8, 9])
def test_cutout(size):
    holes = 1 - cutout(torch.ones(600, 2, size, size))
    assert torch.equal(holes[:, 0], holes[:, 1])
    rows, columns = holes[:, 0].amax(2).sum(1), holes[:, 0].amax(1).sum(1)
    assert torch.equal(holes[:, 0].sum((1, 2)), rows * columns)
    side = int(size / 2 + 0.5)
    assert rows.max() == columns.max() == side
    assert rows.min() >= side // 2
    assert (holes.mean(0) > 0).all()


class Sum(nn.Module):
    """A linear critic that keeps its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.shown: list[Tensor] = []

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        self.shown.append(images.detach())
        return self.weight * images.flatten(1).mean(1)


class Uniform(nn.Module):
    """A generator that returns the same uniform image for every z."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(0.3))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.value.expand(len(z), 1, 8, 8)


def settings(**objective):
    values = {"model": {"name": "dcgan", "latent_dim": 6, "generator": {"channels": [8]}, "critic": {"channels": [8]}}}
    return recipe_from_dict(
        {**values, "objective": {"name": "wgan_gp", **objective}, "batch_size": 4, "amp": "off", "steps": 5}, "a test"
    )


def test_all_critic_inputs_are_augmented():
    networks = {"generator": Uniform(), "critic": Sum()}
    seen = augment_critic(networks, ("cutout",))
    critic, generator = build_objective(settings(), ImageShape(8, 8, 1)).phases
    batch = Batch(torch.randn(500, 6), torch.full((500, 1, 8, 8), 0.3))
    critic.loss(seen, batch)
    generator.loss(seen, batch).total.backward()
    both, interpolated, fake = networks["critic"].shown
    real, detached_fake = both.chunk(2)
    for shown in (real, detached_fake, interpolated, fake):
        assert shown.eq(0).flatten(1).any(1).all(), "an image without a hole"
    hidden = fake.eq(0).float().mean().item()
    assert networks["generator"].value.grad.item() == pytest.approx(-(1 - hidden), abs=1e-5)
    assert not torch.equal(real, detached_fake)


def test_real_and_fake_have_the_same_distribution():
    images = noise(1, 1, 8).expand(4000, -1, -1, -1)
    real, fake = diff_augment(torch.cat([images, images]), ALL).chunk(2)
    spread = real.std(0) / 4000**0.5
    assert ((real.mean(0) - fake.mean(0)).abs() < 6 * spread + 1e-6).all()
    torch.testing.assert_close(real.std(0), fake.std(0), rtol=0.1, atol=0.02)


def test_recipe_augments_only_in_losses(trainer):
    state = trainer.prepared(
        trainer.recipe("steps=2", "data.limit=40", "data.diff_augment=[color, translation, cutout]")
    )
    plain = trainer.prepared(trainer.recipe("steps=2", "data.limit=40"))
    assert plain.training_step.networks_in_losses == plain.networks
    seen = state.training_step.networks_in_losses["critic"]
    assert seen.critic is state.networks["critic"]
    counts = []
    seen.register_forward_hook(lambda module, inputs, output: counts.append(len(output)))
    for step in range(2):
        state.engine(step)
    # Real and fake together, the interpolation; then the generator's phase.
    assert counts == ([16, 8] * state.recipe.objective.n_critic + [8]) * 2
    saved, saved_plain = state.full_checkpoint(), plain.full_checkpoint()
    for role, weights in saved.networks.items():
        assert list(weights) == list(saved_plain.networks[role])


def test_float32_under_bf16():
    critic = Sum()
    for policy in (ALL, ("cutout",)):
        with torch.autocast("cpu", torch.bfloat16):
            augment_critic({"critic": critic}, policy)["critic"](noise().bfloat16())
    assert [shown.dtype for shown in critic.shown] == [torch.float32] * 2


@pytest.mark.parametrize(("step", "sigma"), [(0, 0.4), (5, 0.2), (9, 0.04), (10, 0.0), (1000, 0.0)])
def test_instance_noise_falls_linearly(step, sigma):
    added = InstanceNoise(0.4, 10, CPU)
    place = added.sigma.data_ptr()
    added.schedule(3)
    added.schedule(step)
    changed = added(torch.zeros(50, 1, 20, 20))
    assert changed.std().item() == pytest.approx(sigma, rel=0.03, abs=1e-9)
    assert changed.mean().item() == pytest.approx(0, abs=0.02)
    assert added.sigma.data_ptr() == place  # a captured CUDA graph reads this address
    assert not added.state_dict()


def test_instance_noise_reaches_the_critic_and_passes_gradients():
    networks = {"critic": Sum(), "generator": nn.Identity()}
    noisy = augment_critic(networks, (), InstanceNoise(1.0, 10, CPU))
    images = torch.zeros(4, 1, 8, 8, requires_grad=True)
    noisy["critic"](images).sum().backward()
    assert networks["critic"].shown[0].std() > 0.8 and noisy["generator"] is networks["generator"]
    torch.testing.assert_close(images.grad, torch.full_like(images, 1 / 64))
    assert make_noise(settings().objective, CPU) is None
