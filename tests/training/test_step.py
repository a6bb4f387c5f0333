"""The step: phases in their order, each with fresh noise and its own network, and the sums of their terms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.data import DeviceLoader, ImageSet
from wgan_cli.objectives import Batch, Loss, Objective, Phase
from wgan_cli.objectives.instance_noise import InstanceNoise
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.numerics.amp import Precision
from wgan_cli.training.step import RunningMeans, TrainingStep

CPU = torch.device("cpu")
LATENT = 3
BATCH = 4


class Scale(nn.Module):
    """One weight, with which it multiplies its input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Setup:
    """An objective of three phases over two roles, that writes down what it was shown."""

    def __init__(self, repeats: int = 2, penalty_interval: int = 1, num_classes: int = 12) -> None:
        self.seen: list[tuple[str, Batch, dict[str, bool]]] = []
        self.after: list[str] = []
        self.networks = {"critic": Scale(), "generator": Scale()}
        self.optimizers = {
            role: torch.optim.SGD(network.parameters(), lr=0.5) for role, network in self.networks.items()
        }
        phases = (
            Phase(
                "score",
                "critic",
                repeats,
                self.loss("score", "critic"),
                penalty_interval=penalty_interval,
                after_step=lambda n: self.after.append("s"),
            ),  # fmt: skip
            Phase("make", "generator", 1, self.loss("make", "generator"), uses_real=False),
            Phase("again", "critic", 1, self.loss("again", "critic"), after_step=lambda n: self.after.append("a")),
        )
        images = torch.arange(12, dtype=torch.uint8).view(12, 1, 1, 1)
        dataset = ImageSet(images, torch.arange(12), tuple("abcdefghijkl"), "made up")
        self.ema = ExponentialMovingAverage(self.networks["generator"], 0.5)
        self.step = TrainingStep(
            Objective(phases), self.networks, self.optimizers, DeviceLoader(dataset, BATCH, 0, CPU), self.ema,
            Precision("off", CPU), LATENT, num_classes,
        )  # fmt: skip

    def loss(self, name: str, role: str):
        def loss(networks, batch: Batch) -> Loss:
            frozen = {other: not network.weight.requires_grad for other, network in networks.items()}
            self.seen.append((name, batch, frozen))
            total = networks[role](torch.ones(()))  # its slope is 1
            return Loss(total, {f"{name}_loss": total})

        return loss


def test_phases_run_in_order_each_as_often_as_it_says():
    setup = Setup()
    setup.step(0)
    assert [name for name, _, _ in setup.seen] == ["score", "score", "make", "again"]
    assert setup.after == ["s", "s", "a"]


def test_a_lazy_penalty_is_asked_for_in_every_so_many_runs_of_its_phase():
    """Counted over iterations, so that two runs an iteration and a penalty in every third meet in all ways."""
    setup = Setup(penalty_interval=3)
    foretold = [setup.step.penalties(step) for step in range(3)]
    for step in range(3):
        setup.step(step)
    asked = {name: [batch.apply_penalty for n, batch, _ in setup.seen if n == name] for name, _, _ in setup.seen}
    assert asked == {"score": [True, False, False] * 2, "make": [True] * 3, "again": [True] * 3}
    assert [p for pattern in foretold for p in pattern] == [batch.apply_penalty for _, batch, _ in setup.seen]


def test_each_run_sees_noise_and_images_of_its_own():
    setup = Setup()
    for step in range(2):
        setup.step(step)
    z = torch.stack([batch.z for _, batch, _ in setup.seen])
    assert z.shape == (8, BATCH, LATENT) and z.unique().numel() == z.numel()
    shown = [batch.labels.tolist() for _, batch, _ in setup.seen if batch.real is not None]
    assert sorted(sum(shown[:3], [])) == list(range(12)), "an epoch of 12 images"
    assert {name for name, batch, _ in setup.seen if batch.real is None} == {"make"}
    assert all(batch.real.shape == (BATCH, 1, 1, 1) for name, batch, _ in setup.seen if name != "make")


def test_networks_that_learn_no_classes_see_no_labels():
    setup = Setup(num_classes=0)
    setup.step(0)
    assert {batch.labels for _, batch, _ in setup.seen} == {None}


def test_without_images_labels_are_drawn_of_all_classes():
    setup = Setup(num_classes=3)
    for step in range(20):
        setup.step(step)
    on_samples = torch.cat([batch.labels for name, batch, _ in setup.seen if name == "make"])
    assert len(on_samples) == 20 * BATCH
    assert all(10 < count < 45 for count in torch.bincount(on_samples, minlength=3)), "80 draws of 3 classes"


def test_a_phase_trains_its_network_and_freezes_the_others():
    setup = Setup()
    setup.step(0)
    for name, _, frozen in setup.seen:
        assert frozen == {"critic": name == "make", "generator": name != "make"}
    # Three steps and one of size 0.5 down a slope of 1.
    assert setup.networks["critic"].weight.item() == 1 - 3 * 0.5
    assert setup.networks["generator"].weight.item() == 1 - 0.5


def test_old_gradients_are_not_added_to_new_ones():
    setup = Setup(repeats=5)
    setup.step(0)
    assert setup.networks["critic"].weight.grad.item() == 1.0


def test_the_average_follows_once_an_iteration():
    setup = Setup()
    expected = weight = 1.0
    for step in range(4):
        setup.step(step)
        weight -= 0.5
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    assert setup.average.network.weight.item() == pytest.approx(expected, rel=1e-6)


def test_gradients_are_bounded_before_the_step_that_follows_them():
    setup = Setup(repeats=1)

    def clip() -> None:
        setup.networks["critic"].weight.grad.mul_(0.1)

    setup.step.clips = {"critic": clip}
    setup.step(0)
    assert setup.networks["critic"].weight.item() == pytest.approx(1 - 2 * 0.5 * 0.1)
    assert setup.networks["generator"].weight.item() == 1 - 0.5


def test_noise_fades_with_the_steps_number():
    setup = Setup()
    noise = setup.networks["critic"].noise = InstanceNoise(0.8, 4, CPU)
    step = TrainingStep(
        setup.step.objective, setup.networks, setup.optimizers, setup.step.loader, setup.average, setup.step.precision,
        LATENT,
    )  # fmt: skip
    sigmas = []
    for number in (0, 1, 3, 9):
        step(number)
        sigmas.append(noise.sigma.item())
    assert sigmas == pytest.approx([0.8, 0.6, 0.2, 0.0])


def test_terms_are_means_over_all_their_runs():
    setup = Setup()
    setup.step(0)
    means = setup.step.terms.means()
    # The critic's loss is its weight before each step: 1, 0.5, then 0 in the last phase.
    assert means == pytest.approx({"score_loss": 0.75, "make_loss": 1.0, "again_loss": 0.0})


def test_noise_comes_from_torchs_random_state():
    def noise(seed: int) -> Tensor:
        torch.manual_seed(seed)
        setup = Setup()
        setup.step(0)
        return torch.stack([batch.z for _, batch, _ in setup.seen])

    assert torch.equal(noise(3), noise(3)) and not torch.equal(noise(3), noise(4))


def scalars(**values: float) -> dict[str, Tensor]:
    return {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}


def test_sums_count_each_term_alone():
    sums = RunningMeans()
    sums.add(scalars(a=1.0, b=10.0))
    sums.add(scalars(a=2.0))
    sums.add(scalars(a=6.0, b=20.0))
    assert sums.means() == {"a": 3.0, "b": 15.0}
    assert sums.means() == {}, "means start anew"
    sums.add(scalars(a=5.0))
    assert sums.means() == {"a": 5.0}


def test_sums_keep_no_graph_and_change_no_loss():
    sums = RunningMeans()
    first = scalars(a=1.0)
    sums.add(first)
    sums.add(scalars(a=2.0))
    assert first["a"].item() == 1.0, "the sum is a tensor of its own"
    assert not sums.sums["a"].requires_grad


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_one_bad_term_spoils_the_mean(bad):
    sums = RunningMeans()
    for value in (1.0, bad, 1.0):
        sums.add(scalars(a=value))
    mean = sums.means()["a"]
    assert mean != mean or mean == bad


def test_sums_that_are_saved_go_on_as_if_nothing_had_happened():
    whole, before, after = RunningMeans(), RunningMeans(), RunningMeans()
    values = [scalars(a=1.0, b=4.0), scalars(a=2.0), scalars(a=4.0, b=1.0)]
    for value in values:
        whole.add(value)
    for value in values[:2]:
        before.add(value)
    after.load_state_dict(before.state_dict(), CPU)
    after.add(values[2])
    assert after.means() == whole.means()
