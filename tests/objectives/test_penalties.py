"""The gradient penalties: closed forms, numerical safety, and cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from golden import textbook
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from wgan_cli.networks import build_network
from wgan_cli.objectives import Batch, Loss, build_objective
from wgan_cli.objectives.penalties import gradient_penalty, make_penalty, zero_centered_penalty
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict

IMAGE = ImageShape(8, 8, 1)


class Linear(nn.Module):
    """critic(x) = w.x + b, whose gradient is w everywhere."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    @classmethod
    def of_norm(cls, norm: float) -> Linear:
        weight = torch.randn(64, generator=torch.Generator().manual_seed(0))
        return cls(weight * (norm / weight.norm()))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return images.flatten(1) @ self.weight + 3.0  # (N,)


class Recording:
    """critic(x) = sum(x); keeps its arguments."""

    def __call__(self, x: Tensor, *labels: Tensor) -> Tensor:
        self.x, self.labels = x.detach(), labels
        return x.flatten(1).sum(1)


def quadratic(x: Tensor) -> Tensor:
    """||x||^2 / 2, whose gradient is x."""
    return x.square().flatten(1).sum(1) / 2


def images(count: int = 5, channels: int = 1, size: int = 8) -> tuple[Tensor, Tensor]:
    torch.manual_seed(7)
    return torch.rand(count, channels, size, size) * 2 - 1, torch.rand(count, channels, size, size) * 2 - 1


def recipe_of(name: str = "mlp", objective: object = "wgan_gp", **critic: object) -> Recipe:
    values = {"model": {"name": name, "critic": critic}, "objective": objective, "steps": 1}
    return recipe_from_dict(values, "a test")


@pytest.mark.parametrize("norm", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("sided", ["two", "one"])
def test_linear_critic(norm, sided):
    critic = Linear.of_norm(norm)
    penalty = gradient_penalty(critic, *images(), sided=sided)
    penalty.backward()
    excess = norm - 1 if sided == "two" else max(0.0, norm - 1)
    assert penalty.item() == pytest.approx(excess**2, abs=1e-6)
    # d/dw (||w|| - 1)^2 = 2 (||w|| - 1) w / ||w||
    expected = 2 * excess * critic.weight.detach() / norm
    torch.testing.assert_close(critic.weight.grad, expected, rtol=1e-5, atol=1e-6)


def test_zero_centered_penalty_of_a_linear_critic():
    critic = Linear.of_norm(2.0)
    term = zero_centered_penalty(critic, images()[0])
    term.backward()
    torch.testing.assert_close(term, critic.weight.detach().square().sum())
    torch.testing.assert_close(critic.weight.grad, 2 * critic.weight.detach())


def test_critic_of_vectors_without_labels():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 1))
    real, fake = torch.randn(2, 7, 2)
    norm = critic[0].weight.norm().item()
    assert gradient_penalty(critic, real, fake).item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    assert gradient_penalty(critic, real, fake, at="real").item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    assert zero_centered_penalty(critic, real).item() == pytest.approx(norm**2, rel=1e-5)


def test_norms_are_per_image():
    real = images()[0] * torch.linspace(0.1, 2.0, 5).view(-1, 1, 1, 1)
    expected = (real.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(gradient_penalty(quadratic, real, real), expected)


def test_interpolated_points():
    critic = Recording()
    gradient_penalty(critic, torch.ones(200, 3, 4, 4), torch.zeros(200, 3, 4, 4))
    eps = critic.x.flatten(1)  # because real is 1 and fake is 0
    assert torch.equal(eps.amin(1), eps.amax(1)), "one eps for all pixels of an image"
    eps = eps[:, 0]
    assert eps.unique().numel() == 200 and eps.min() >= 0 and eps.max() <= 1
    assert abs(eps.mean().item() - 0.5) < 0.1 and eps.min() < 0.05 and eps.max() > 0.95


def test_points_around_real_images():
    critic, (real, fake) = Recording(), images(400)
    gradient_penalty(critic, real, fake, at="real")
    moved = (critic.x - real).flatten(1) / (0.5 * real.std())  # (N, 64): eps of the image times U[0,1] of the pixel
    assert moved.min() >= 0 and moved.max() <= 1
    assert (moved.std(1) > 0).all(), "each pixel has its own number"
    eps = moved.amax(1)  # nearly, with 64 pixels
    assert eps.min() < 0.1 and eps.max() > 0.9 and abs(eps.mean().item() - 0.5) < 0.1


@pytest.mark.parametrize("gp_every", [1, 4])
def test_weighted_sum_of_penalties(gp_every):
    weights = {"gp_weight": 7.0, "r1_weight": 3.0, "r2_weight": 5.0}
    recipe = recipe_of(objective={"name": "gan", "gp_points": "real", "gp_every": gp_every, **weights})
    real, fake = images()
    total, terms = make_penalty(recipe.objective)(quadratic, real, fake, None)
    r1, r2 = (x.flatten(1).square().sum(1).mean() for x in (real, fake))
    assert list(terms) == ["gradient_penalty", "r1", "r2"]
    torch.testing.assert_close((terms["r1"], terms["r2"]), (r1, r2))
    torch.testing.assert_close(total, gp_every * (7.0 * terms["gradient_penalty"] + 1.5 * r1 + 2.5 * r2))


def test_additional_penalty_of_an_objective():
    settings = recipe_of(objective={"name": "hinge", "r1_weight": 3.0, "gp_every": 4}).objective
    critic, (real, fake) = Linear(torch.full((64,), 0.25)), images()

    def own(seen: nn.Module, *given: object) -> Loss:
        assert seen is critic and given[0] is real and given[1] is fake
        return Loss(torch.tensor(5.0), {"own": torch.tensor(1.0)})

    total, terms = make_penalty(settings, own)(critic, real, fake, None)
    assert total.item() == pytest.approx(4 * (5 + 1.5 * 4.0))
    assert {name: term.item() for name, term in terms.items()} == pytest.approx({"r1": 4.0, "own": 1.0})


@pytest.mark.parametrize("objective", ["gan", {"name": "r3gan", "r1_weight": 0, "r2_weight": 0}])
def test_no_weights_no_penalty(objective):
    assert make_penalty(recipe_of(objective=objective).objective) is None


@pytest.mark.parametrize("name", ["mlp", "dcgan", "resnet"])
def test_constant_critic_has_finite_gradients(name):
    critic = build_network("critic", recipe_of(name), IMAGE)
    for parameter in critic.parameters():
        nn.init.zeros_(parameter)
    penalty = gradient_penalty(critic, *images())
    penalty.backward()
    assert penalty.item() == pytest.approx(1.0, abs=1e-5)  # (0 - 1)^2
    assert all(p.grad is None or p.grad.isfinite().all() for p in critic.parameters())


def test_real_and_fake_are_detached():
    real, fake = (image.requires_grad_() for image in images())
    critic = build_network("critic", recipe_of("dcgan", activation="elu"), IMAGE)  # its gradient depends on the point
    gradient_penalty(critic, real, fake).backward()
    assert real.grad is None and fake.grad is None


def test_float32_under_bf16():
    # Every weight is a bf16 number, but the norm, 1.0303, lies between two of them, 1.0312 and 1.0234.
    weight = torch.full((1024,), 2.0**-5)
    weight[0] = 0.25
    with torch.autocast("cpu", torch.bfloat16):
        penalty = gradient_penalty(Linear(weight), *images(size=32))
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx((weight.double().norm().item() - 1) ** 2, rel=1e-4)


@pytest.mark.parametrize("name", ["mlp", "dcgan"])
@pytest.mark.parametrize(
    ("activation", "norm"),
    [("leaky_relu", None), ("relu", None), ("elu", None), ("leaky_relu", "layer"), ("leaky_relu", "instance")],
)
def test_gradients_equal_the_textbook(name, activation, norm):
    torch.manual_seed(3)
    ours = build_network("critic", recipe_of(name, activation=activation, **({"norm": norm} if norm else {})), IMAGE)
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
        # None is zero: the last bias, or all biases if the activation's second derivative is zero.
        got, wanted = (torch.zeros_like(p) if p.grad is None else p.grad for p in (value, other))
        # Large terms cancel in another order: float32 keeps a thousandth of the largest gradient.
        tolerance = 1e-6 + 1e-3 * wanted.abs().max().item()
        torch.testing.assert_close(got, wanted, rtol=0, atol=tolerance, msg=lambda m, n=parameter: f"{n}: {m}")


def convolution_backwards(loss: Callable[[], Tensor]) -> int:
    """Count the backward convolutions that a loss and its gradients run."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        loss().backward()
    return sum(event.name == "aten::convolution_backward" for event in record.events())


def test_critic_step_runs_half_of_the_textbook_backward_passes():
    """Each of these passes runs one backward kernel for each of the three convolutions.

    Textbook, 12: the scores of real, the scores of fake, the penalty's image gradient, and zeros through the forward
    graph of the interpolated points, to which the second derivative of LeakyReLU sends them.
    Here, 9: the scores of both at once, the penalty's image gradient, and the weight gradients of its double backward,
    which autograd computes by forward convolutions.
    """
    recipe = recipe_of("dcgan", channels=[4, 8, 16])
    critic = build_network("critic", recipe, ImageShape(32, 32, 3))
    generator = build_network("generator", recipe, ImageShape(32, 32, 3)).requires_grad_(False)
    real, z = images(4, 3, 32)[0], torch.randn(4, 100)
    phase = build_objective(recipe, ImageShape(32, 32, 3)).phases[0]
    ours = convolution_backwards(lambda: phase.loss({"generator": generator, "critic": critic}, Batch(z, real)).total)
    plain = convolution_backwards(
        lambda: textbook.critic_loss(generator, textbook.plain_copy(critic), real, z, torch.rand(4, 1, 1, 1), 10.0)
    )
    assert (ours, plain) == (9, 12)
