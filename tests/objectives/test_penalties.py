"""The gradient penalty: closed forms, safety at zero, and what it costs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, build_objective
from wgan_cli.objectives.penalties import gradient_penalty, make_penalty, zero_centered_penalty
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

_spec = importlib.util.spec_from_file_location("golden_textbook", Path(__file__).parents[1] / "golden" / "textbook.py")
textbook = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(textbook)

IMAGE = ImageShape(8, 1)


class Linear(nn.Module):
    """critic(x) = w.x + b, whose gradient is w everywhere."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return images.flatten(1) @ self.weight + 3.0  # (N,)


def images(count: int = 5, channels: int = 1, size: int = 8) -> tuple[Tensor, Tensor]:
    torch.manual_seed(7)
    return torch.rand(count, channels, size, size) * 2 - 1, torch.rand(count, channels, size, size) * 2 - 1


def recipe_of(name: str, **critic: object) -> Recipe:
    return recipe_from_dict({"model": {"name": name, "critic": critic}, "steps": 1}, "a test")


@pytest.mark.parametrize("length", [0.25, 1.0, 3.0])
def test_a_linear_critic_has_the_make_penalty_its_weights_length(length):
    weight = torch.randn(64, generator=torch.Generator().manual_seed(0))
    critic = Linear(weight * (length / weight.norm()))
    penalty = gradient_penalty(critic, *images())
    penalty.backward()
    assert penalty.item() == pytest.approx((length - 1) ** 2, abs=1e-6)
    # d/dw (||w|| - 1)^2 = 2 (||w|| - 1) w / ||w||
    expected = 2 * (length - 1) * critic.weight.detach() / length
    torch.testing.assert_close(critic.weight.grad, expected, rtol=1e-5, atol=1e-6)


def test_a_critic_of_points_that_knows_of_no_classes_needs_no_labels():
    """Plain layers, one column of scores, and no images at all."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 1))
    real, fake = torch.randn(2, 7, 2)
    length = critic[0].weight.norm().item()
    assert gradient_penalty(critic, real, fake).item() == pytest.approx((length - 1) ** 2, rel=1e-5)
    assert gradient_penalty(critic, real, fake, at="real").item() == pytest.approx((length - 1) ** 2, rel=1e-5)
    assert zero_centered_penalty(critic, real).item() == pytest.approx(length**2, rel=1e-5)


def test_a_make_penalty_a_games_own_comes_as_seldom_and_as_hard():
    """gp_every * (own + r1_weight / 2 * ||w||^2)."""
    settings = recipe_from_dict(
        {"model": "mlp", "objective": {"name": "hinge", "r1_weight": 3.0, "gp_every": 4}, "steps": 1}, "a test"
    ).objective
    critic, (real, fake) = Linear(torch.full((64,), 0.25)), images()

    def own(seen: nn.Module, *given: object) -> Loss:
        assert seen is critic and given[0] is real and given[1] is fake
        return Loss(torch.tensor(5.0), {"own": torch.tensor(1.0)})

    total, terms = make_penalty(settings, own)(critic, real, fake, None)
    assert total.item() == pytest.approx(4 * (5 + 1.5 * 4.0))
    assert {name: term.item() for name, term in terms.items()} == pytest.approx({"r1": 4.0, "own": 1.0})


@pytest.mark.parametrize("length", [0.25, 1.0, 3.0])
def test_one_sided_only_slopes_above_one_cost(length):
    weight = torch.randn(64, generator=torch.Generator().manual_seed(0))
    critic = Linear(weight * (length / weight.norm()))
    penalty = gradient_penalty(critic, *images(), sided="one")
    penalty.backward()
    assert penalty.item() == pytest.approx(max(0.0, length - 1) ** 2, abs=1e-6)
    assert (critic.weight.grad.abs().max() > 1e-3) == (length > 1)


def test_around_real_images_the_places_lie_within_half_their_deviation():
    seen = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    real, fake = images(400)
    gradient_penalty(critic, real, fake, at="real")
    moved = (seen[0] - real).flatten(1) / (0.5 * real.std())  # (N, 64): eps of the image times U[0,1] of the pixel
    assert moved.min() >= 0 and moved.max() <= 1
    assert (moved.std(1) > 0).all(), "each pixel by its own draw"
    farthest = moved.amax(1)  # nearly eps, with 64 pixels
    assert farthest.min() < 0.1 and farthest.max() > 0.9 and abs(farthest.mean().item() - 0.5) < 0.1


def test_the_squared_slope_of_a_linear_critic_is_its_weights_square():
    critic = Linear(torch.randn(64, generator=torch.Generator().manual_seed(0)))
    term = zero_centered_penalty(critic, images()[0])
    term.backward()
    torch.testing.assert_close(term, critic.weight.detach().square().sum())
    torch.testing.assert_close(critic.weight.grad, 2 * critic.weight.detach())


@pytest.mark.parametrize("gp_every", [1, 4])
def test_penalties_add_up_each_at_its_own_images(gp_every):
    """critic(x) = ||x||^2 / 2 has the gradient x: R1 is gamma/2 mean ||real||^2, and R2 the same of fake."""
    settings = {"name": "gan", "gp_weight": 7.0, "gp_points": "real", "r1_weight": 3.0, "r2_weight": 5.0}
    objective = {**settings, "gp_every": gp_every}
    recipe = recipe_from_dict({"model": "mlp", "objective": objective, "steps": 1}, "a test")
    real, fake = images()
    torch.manual_seed(0)
    total, terms = make_penalty(recipe.objective)(lambda x: x.square().flatten(1).sum(1) / 2, real, fake, None)
    squares = [x.flatten(1).square().sum(1).mean() for x in (real, fake)]
    assert list(terms) == ["gradient_penalty", "r1", "r2"]
    torch.testing.assert_close(terms["r1"], squares[0])
    torch.testing.assert_close(terms["r2"], squares[1])
    expected = 7.0 * terms["gradient_penalty"] + 1.5 * squares[0] + 2.5 * squares[1]
    torch.testing.assert_close(total, gp_every * expected)


def test_without_weights_there_is_no_penalty():
    settings = {"model": "mlp", "steps": 1}
    assert make_penalty(recipe_from_dict({**settings, "objective": "gan"}, "a test").objective) is None
    none = {"name": "r3gan", "r1_weight": 0, "r2_weight": 0}
    assert make_penalty(recipe_from_dict({**settings, "objective": none}, "a test").objective) is None


def test_each_image_has_a_norm_of_its_own():
    """critic(x) = ||x||^2 / 2 has the gradient x, so the penalty is the mean of (||x_n|| - 1)^2, not of any mixture."""
    real, _ = images()
    scale = torch.linspace(0.1, 2.0, len(real)).view(-1, 1, 1, 1)
    real = real * scale
    penalty = gradient_penalty(lambda x: x.square().flatten(1).sum(1) / 2, real, real)
    expected = (real.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(penalty, expected)


def test_the_points_lie_between_each_pair_at_a_place_of_its_own():
    seen = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    gradient_penalty(critic, torch.ones(200, 3, 4, 4), torch.zeros(200, 3, 4, 4))
    eps = seen[0].flatten(1)  # real 1 and fake 0 show eps itself
    assert torch.equal(eps.amin(1), eps.amax(1)), "one eps for all pixels of an image"
    eps = eps[:, 0]
    assert eps.unique().numel() == 200 and eps.min() >= 0 and eps.max() <= 1
    assert abs(eps.mean().item() - 0.5) < 0.1 and eps.min() < 0.05 and eps.max() > 0.95


def test_labels_reach_the_critic():
    told = []
    real, fake = images()
    labels = torch.arange(5)

    def critic(x: Tensor, labels: Tensor) -> Tensor:
        told.append(labels)
        return x.flatten(1).sum(1)

    gradient_penalty(critic, real, fake, labels)
    assert told == [labels]


@pytest.mark.parametrize("name", ["mlp", "dcgan", "resnet"])
def test_a_dead_critic_has_penalty_one_and_finite_gradients(name):
    critic = build_network("critic", recipe_of(name), IMAGE)
    for parameter in critic.parameters():
        nn.init.zeros_(parameter)
    penalty = gradient_penalty(critic, *images())
    penalty.backward()
    assert penalty.item() == pytest.approx(1.0, abs=1e-5)  # (0 - 1)^2
    assert all(p.grad is None or p.grad.isfinite().all() for p in critic.parameters())


def test_real_and_fake_are_detached():
    real, fake = (image.requires_grad_() for image in images())
    curved = build_network("critic", recipe_of("dcgan", activation="elu"), IMAGE)  # whose slope depends on the point
    gradient_penalty(curved, real, fake).backward()
    assert real.grad is None and fake.grad is None


def test_the_penalty_is_exact_float32_under_bf16():
    # Every weight is a bf16 number, but the norm, 1.0303, lies between two of them, 1.0312 and 1.0234.
    weight = torch.full((1024,), 2.0**-5)
    weight[0] = 0.25
    with torch.autocast("cpu", torch.bfloat16):
        penalty = gradient_penalty(Linear(weight), *images(size=32))
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx((weight.double().norm().item() - 1) ** 2, rel=1e-4)


@pytest.mark.parametrize(
    "critic",
    [
        {"activation": "leaky_relu"},
        {"activation": "relu"},
        {"activation": "leaky_relu", "norm": "layer"},
        {"activation": "leaky_relu", "norm": "instance"},
        {"activation": "elu"},
    ],
    ids=lambda critic: "-".join(critic.values()),
)
@pytest.mark.parametrize("name", ["mlp", "dcgan"])
def test_gradients_equal_the_textbooks(name, critic):
    torch.manual_seed(3)
    ours = build_network("critic", recipe_of(name, **critic), IMAGE)
    plain = textbook.plain_copy(ours)
    real, fake = images()
    torch.manual_seed(11)
    penalty = gradient_penalty(ours, real, fake)
    torch.manual_seed(11)
    expected = textbook.gradient_penalty(plain, real, fake, torch.rand(len(real), 1, 1, 1))
    torch.testing.assert_close(penalty, expected)
    penalty.backward()
    expected.backward()
    for (parameter, value), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
        # Absent and zero mean the same: the last bias, or all biases where the activation's second derivative is zero.
        got, wanted = (torch.zeros_like(p) if p.grad is None else p.grad for p in (value, other))
        # Sums of large terms that cancel, in another order: float32 keeps a thousandth of the largest gradient.
        tolerance = 1e-6 + 1e-3 * wanted.abs().max().item()
        torch.testing.assert_close(got, wanted, rtol=0, atol=tolerance, msg=lambda m, n=parameter: f"{n}: {m}")


def convolution_backwards(work: Callable[[], Tensor]) -> int:
    """How many backward convolutions a loss and its gradients run."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        work().backward()
    return sum(event.name == "aten::convolution_backward" for event in record.events())


def test_a_critic_step_runs_half_of_the_textbooks_backward_convolutions():
    """Three convolutions. Each of these passes runs one backward kernel for every one of them.

    Textbook, 12: the scores of real, the scores of fake, the penalty's gradient by the image, and zeros through the
    forward graph of the points between, which the second derivative of LeakyReLU sends there.
    Here, 6: the scores of both at once, and the penalty's gradient by the image.

    The derivative of that gradient is counted nowhere: _convolution_double_backward is made of forward convolutions,
    and there are as many of them on both sides.
    """
    recipe = recipe_of("dcgan", channels=[4, 8, 16])
    critic = build_network("critic", recipe, ImageShape(32, 3))
    generator = build_network("generator", recipe, ImageShape(32, 3)).requires_grad_(False)
    real, _ = images(4, 3, 32)
    z = torch.randn(4, 100)
    critic_phase = build_objective(recipe, ImageShape(32, 3)).phases[0]

    ours = convolution_backwards(
        lambda: critic_phase.loss({"generator": generator, "critic": critic}, Batch(z, real)).total
    )
    plain = convolution_backwards(
        lambda: textbook.critic_loss(generator, textbook.plain_copy(critic), real, z, torch.rand(4, 1, 1, 1), 10.0)
    )
    assert (ours, plain) == (6, 12)
