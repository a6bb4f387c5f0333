"""The training step: phases in order, each with its own network, images and noise."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.data import ImageSet
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.objectives import Batch, Loss, Objective, Phase
from wgan_cli.objectives.instance_noise import InstanceNoise
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.numerics.amp import Precision
from wgan_cli.training.step import TrainingStep

CPU = torch.device("cpu")
LATENT = 3
BATCH = 4


class Scale(nn.Module):
    """Multiplies its input by its only weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Setup:
    """An objective of three phases over two roles that records what its losses receive."""

    def __init__(self, repeats: int = 2, penalty_interval: int = 1, num_classes: int = 12) -> None:
        self.seen: list[tuple[str, Batch, dict[str, bool]]] = []
        self.after: list[str] = []
        self.networks = {"critic": Scale(), "generator": Scale()}
        phases = (
            Phase(
                "score", "critic", repeats, self.loss("score", "critic"),
                penalty_interval=penalty_interval, after_step=lambda n: self.after.append("s"),
            ),
            Phase("make", "generator", 1, self.loss("make", "generator"), uses_real=False),
            Phase("again", "critic", 1, self.loss("again", "critic"), after_step=lambda n: self.after.append("a")),
        )  # fmt: skip
        images = torch.arange(12, dtype=torch.uint8).view(12, 1, 1, 1)
        dataset = ImageSet(images, torch.arange(12), tuple("abcdefghijkl"), "made up")
        self.step = TrainingStep(
            objective=Objective(phases),
            networks=self.networks,
            optimizers={r: torch.optim.SGD(network.parameters(), lr=0.5) for r, network in self.networks.items()},
            loader=DeviceLoader(dataset, BATCH, 0, CPU),
            ema=ExponentialMovingAverage(self.networks["generator"], 0.5),
            precision=Precision("off", CPU),
            latent_dim=LATENT,
            num_classes=num_classes,
        )

    def loss(self, name: str, role: str):
        def loss(networks, batch: Batch) -> Loss:
            frozen = {other: not network.weight.requires_grad for other, network in networks.items()}
            self.seen.append((name, batch, frozen))
            total = networks[role](torch.ones(()))  # its gradient is 1
            return Loss(total, {f"{name}_loss": total})

        return loss

    def run(self, steps: int = 1) -> Setup:
        for step in range(steps):
            self.step(step)
        return self


def test_lazy_penalty_counts_over_iterations():
    setup = Setup(penalty_interval=3)
    patterns = [setup.step.penalty_pattern(step) for step in range(3)]
    setup.run(3)
    applied = {name: [batch.apply_penalty for n, batch, _ in setup.seen if n == name] for name, _, _ in setup.seen}
    assert applied == {"score": [True, False, False] * 2, "make": [True] * 3, "again": [True] * 3}
    assert [p for pattern in patterns for p in pattern] == [batch.apply_penalty for _, batch, _ in setup.seen]


def test_each_repeat_has_its_own_noise_and_images():
    setup = Setup().run(2)
    z = torch.stack([batch.z for _, batch, _ in setup.seen])
    assert z.shape == (8, BATCH, LATENT) and z.unique().numel() == z.numel()
    labels = [batch.labels.tolist() for _, batch, _ in setup.seen if batch.real is not None]
    assert sorted(sum(labels[:3], [])) == list(range(12)), "an epoch of 12 images"
    assert {name for name, batch, _ in setup.seen if batch.real is None} == {"make"}
    assert all(batch.real.shape == (BATCH, 1, 1, 1) for name, batch, _ in setup.seen if name != "make")


def test_unconditional_networks_get_no_labels():
    assert {batch.labels for _, batch, _ in Setup(num_classes=0).run().seen} == {None}


def test_labels_are_random_without_images():
    setup = Setup(num_classes=3).run(20)
    drawn = torch.cat([batch.labels for name, batch, _ in setup.seen if name == "make"])
    assert len(drawn) == 20 * BATCH
    assert all(10 < count < 45 for count in torch.bincount(drawn, minlength=3)), "80 draws of 3 classes"


def test_phases():
    setup = Setup().run()
    assert [name for name, _, _ in setup.seen] == ["score", "score", "make", "again"]
    assert setup.after == ["s", "s", "a"]
    for name, _, frozen in setup.seen:
        assert frozen == {"critic": name == "make", "generator": name != "make"}
    # Three steps and one with lr 0.5 and gradient 1.
    assert setup.networks["critic"].weight.item() == 1 - 3 * 0.5
    assert setup.networks["generator"].weight.item() == 1 - 0.5
    # The critic's loss is its weight before each step: 1, 0.5, then 0 in the last phase.
    means = setup.step.metrics.read()[0]
    assert means == pytest.approx({"score_loss": 0.75, "make_loss": 1.0, "again_loss": 0.0})


@pytest.mark.parametrize("accumulation_steps", [1, 2, 4])
def test_gradients_are_means_over_micro_batches(accumulation_steps):
    setup = Setup(repeats=5)
    setup.step = replace(setup.step, accumulation_steps=accumulation_steps)
    setup.run()
    assert setup.networks["critic"].weight.grad.item() == 1.0
    assert {len(batch.z) for _, batch, _ in setup.seen} == {BATCH // accumulation_steps}
    assert len(setup.seen) == 7 * accumulation_steps
    assert setup.step.metrics.counts == {"score_loss": 5, "make_loss": 1, "again_loss": 1}


def test_ema_is_updated_once_per_iteration():
    setup = Setup()
    expected = weight = 1.0
    for step in range(4):
        setup.step(step)
        weight -= 0.5
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    assert setup.step.ema.network.weight.item() == pytest.approx(expected, rel=1e-6)


def test_gradients_are_clipped_before_the_optimizer_step():
    setup = Setup(repeats=1)
    setup.step = replace(setup.step, clip={"critic": lambda: setup.networks["critic"].weight.grad.mul_(0.1)})
    setup.run()
    assert setup.networks["critic"].weight.item() == pytest.approx(1 - 2 * 0.5 * 0.1)
    assert setup.networks["generator"].weight.item() == 1 - 0.5


def test_instance_noise_fades():
    setup = Setup()
    noise = setup.networks["critic"].noise = InstanceNoise(0.8, 4, CPU)
    step = replace(setup.step, loss_networks={})
    sigmas = []
    for number in (0, 1, 3, 9):
        step(number)
        sigmas.append(noise.sigma.item())
    assert sigmas == pytest.approx([0.8, 0.6, 0.2, 0.0])
