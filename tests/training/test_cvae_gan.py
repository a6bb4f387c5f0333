"""CVAE-GAN as a run: the paper's algorithm under the same noise, exact resume, and what its files hold."""

from __future__ import annotations

import copy
from collections import Counter

import pytest
import torch
from conftest import MLP
from helpers.same_run import assert_same_run
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.data import ImageSet
from wgan_cli.data.loaders.device import DeviceLoader
from wgan_cli.recipe import Recipe, recipe_from_dict
from wgan_cli.runs.checkpoint import load_checkpoint
from wgan_cli.training.build_state import build_state
from wgan_cli.training.state import TrainingState

CPU = torch.device("cpu")
BATCH, LATENT, ITERATIONS = 8, 4, 5
CLASSES = ("a", "b", "c")
WEIGHTS = {
    "kl_weight": 0.7, "pixel_weight": 0.3, "critic_pair_weight": 2.0, "class_pair_weight": 1.5,
    "critic_mean_weight": 0.9, "class_mean_weight": 0.4, "label_smoothing": 0.2,
}  # fmt: skip
NARROW = {
    "mlp": {"generator": {"widths": [16], "norm": "none"}, "critic": {"widths": [12]}},
    "dcgan": {"generator": {"channels": [8], "norm": "layer"}, "critic": {"channels": [8], "dense": [12]}},
    "resnet": {"generator": {"channels": [8, 8], "norm": "layer"}, "critic": {"channels": [8, 8], "halvings": 1}},
}


def recipe_of(family: str = "dcgan", **changes: object) -> Recipe:
    model = {"name": family, "latent_dim": LATENT, "conditional": True, **NARROW[family]}
    adam = {"lr": 1e-3, "betas": [0.5, 0.9]}
    values = {
        "model": model, "objective": {"name": "cvae_gan", **WEIGHTS},
        "optim": {"generator": adam, "critic": adam, "encoder": {**adam, "lr": 2e-3}},
        "batch_size": BATCH, "steps": 100, "amp": "off", "engine": "eager",
    }  # fmt: skip
    return recipe_from_dict({**values, **changes}, "a test")


def images() -> ImageSet:
    pixels = torch.randint(0, 256, (40, 1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(40) % 3, CLASSES, "made up")


def state_of(recipe: Recipe) -> TrainingState:
    return build_state(recipe, images(), CPU)


class Textbook:
    """Algorithm 1 of Bao et al. 2017, one network after the other, each on its next batch. Nothing is clever here."""

    def __init__(self, networks: dict[str, nn.Module], recipe: Recipe) -> None:
        self.e, self.g, self.d, self.c = (networks[role] for role in ("encoder", "generator", "critic", "classifier"))
        self.adams = {
            role: torch.optim.Adam(network.parameters(), recipe.optim.of(role).lr, (0.5, 0.9), eps=1e-3)
            for role, network in networks.items()
        }
        self.loader = DeviceLoader(images(), BATCH, recipe.seed, CPU)
        self.centres: dict[tuple[str, int], Tensor] = {}
        self.seen: dict[tuple[str, int], int] = {}
        self.terms: Counter[str] = Counter()

    def note(self, **values: Tensor) -> None:
        self.terms.update({name: value.item() / ITERATIONS for name, value in values.items()})

    def iterate(self) -> None:
        x, y, z = self.draw()
        both = self.fakes(x, y, z).detach()
        real, copies, samples = self.d(x, y), self.d(both[:BATCH], y), self.d(both[BATCH:], y)
        for name, scores in (("real", real), ("copy", copies), ("fake", samples)):
            self.note(**{f"{name}_probability": scores.sigmoid().mean()})
        smoothed = 0.8 * F.logsigmoid(real) + 0.2 * F.logsigmoid(-real)
        self.descend("critic", -(smoothed + F.logsigmoid(-copies) + F.logsigmoid(-samples)).mean())

        x, y, z = self.draw()
        self.descend("classifier", F.nll_loss(self.c(x).log_softmax(1), y))

        x, y, z = self.draw()
        both = self.fakes(x, y, z)
        copies, samples = both[:BATCH], both[BATCH:]
        pairs = self.pairs(x, copies, y)
        critic_means = 0.5 * (self.f_d(x, y).mean(0) - self.f_d(samples, y).mean(0)).pow(2).sum()
        class_means = self.class_means(x, samples, y)
        self.note(pixel_pairs=pairs[0], critic_pairs=pairs[1], class_pairs=pairs[2])
        self.note(critic_means=critic_means, class_means=class_means)
        self.descend("generator", self.weighted(pairs) + 0.9 * critic_means + 0.4 * class_means)

        x, y, z = self.draw()
        mean, log_variance = self.e(x, y)
        copies = self.g(mean + (log_variance / 2).exp() * torch.randn(BATCH, LATENT), y)
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean()
        self.note(kl=kl)
        self.descend("encoder", 0.7 * kl + self.weighted(self.pairs(x, copies, y)))

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        return (*self.loader.next(), torch.randn(BATCH, LATENT))

    def fakes(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        mean, log_variance = self.e(x, y)
        copied = (mean + (log_variance / 2).exp() * torch.randn(BATCH, LATENT)).detach()
        return torch.cat([self.g(copied, y), self.g(z, y)])

    def f_d(self, x: Tensor, y: Tensor) -> Tensor:
        return self.d(x, y, features=True)[1]

    def f_c(self, x: Tensor) -> Tensor:
        return self.c(x, features=True)[1]

    def pairs(self, x: Tensor, copies: Tensor, y: Tensor) -> list[Tensor]:
        distances = (x - copies).flatten(1), self.f_d(x, y) - self.f_d(copies, y), self.f_c(x) - self.f_c(copies)
        return [0.5 * d.pow(2).sum(1).mean() for d in distances]

    def weighted(self, pairs: list[Tensor]) -> Tensor:
        return 0.3 * pairs[0] + 2.0 * pairs[1] + 1.5 * pairs[2]

    def class_means(self, x: Tensor, samples: Tensor, y: Tensor) -> Tensor:
        loss = torch.zeros(())
        for label in range(3):
            of_class = y == label
            if of_class.any():
                real = self.moved("real", label, self.f_c(x)[of_class].mean(0).detach())
                mean = self.f_c(samples)[of_class].mean(0)
                fake = self.moved("fake", label, mean.detach()) + mean - mean.detach()  # its value, the mean's gradient
            elif ("real", label) in self.centres:
                real, fake = self.centres["real", label], self.centres["fake", label]
            else:
                continue
            loss = loss + 0.5 * (real - fake).pow(2).sum()
        return loss

    def moved(self, name: str, label: int, mean: Tensor) -> Tensor:
        key = name, label
        self.seen[key] = self.seen.get(key, 0) + 1
        old = self.centres.get(key, mean)
        self.centres[key] = old + max(0.05, 1 / self.seen[key]) * (mean - old)
        return self.centres[key]

    def descend(self, role: str, loss: Tensor) -> None:
        self.note(**{f"{role}_loss": loss})
        self.adams[role].zero_grad()
        loss.backward()
        self.adams[role].step()


@pytest.mark.parametrize("family", NARROW)
def test_equals_the_textbook(family):
    recipe = recipe_of(family)
    state = state_of(recipe)
    book = Textbook(copy.deepcopy(state.networks), recipe)
    first = copy.deepcopy({role: network.state_dict() for role, network in state.networks.items()})
    for optimizer in state.optimizers.values():
        for group in optimizer.param_groups:
            group["eps"] = 1e-3  # else rounding noise of gradients that ought to be zero becomes a whole step
    noise = torch.get_rng_state()
    for _ in range(ITERATIONS):
        book.iterate()
    torch.set_rng_state(noise)
    for step in range(ITERATIONS):
        state.engine(step)
    assert state.training_step.metrics.read()[0] == pytest.approx(book.terms, rel=1e-4, abs=1e-7)
    theirs = {"encoder": book.e, "generator": book.g, "critic": book.d, "classifier": book.c}
    for role, network in state.networks.items():
        for name, tensor in network.named_parameters():
            torch.testing.assert_close(
                tensor, theirs[role].get_parameter(name), rtol=0, atol=3e-6, msg=f"{role} {name}"
            )
        moved = max((p - first[role][name]).abs().max() for name, p in network.named_parameters())
        assert moved > 1e-3, "five iterations that change nothing would prove nothing"


#: Batches of 8 out of 20, so that epochs end in the middle; a record that spans the stop.
SETTINGS = (
    MLP, "model.conditional=true", "objective={name: cvae_gan, n_critic: 2}", "steps=8", "data.limit=20", "log_every=3",
    "save_every=3",
)  # fmt: skip


def test_resume_is_exact(trainer, tmp_path):
    recipe = trainer.recipe(*SETTINGS, "amp=off", "optim.encoder.lr=0.003", "optim.lr_schedule=linear")
    whole = trainer.run(recipe, tmp_path / "whole")
    halves = trainer.run(recipe, tmp_path / "halves", stop_after=5)
    torch.manual_seed(12345)
    state = trainer.prepared(recipe)
    state.restore(load_checkpoint(halves.checkpoint_files()[-1]))
    assert state.networks["classifier"].fake_centers.batches.sum() > 0
    trainer.go_on(state, halves)
    assert_same_run(whole, halves)


def test_files_hold_encoder_and_classifier(trainer, tmp_path, scripted):
    recipe = trainer.recipe(*SETTINGS, "eval_every=2", "eval_count=30")
    run = trainer.run(recipe, tmp_path / "run", reference=scripted(5.0, 3.0, 4.0, 4.0))
    last, best = load_checkpoint(run.generator_file), load_checkpoint(run.best_file)
    assert set(last.networks) == set(best.networks) == {"generator", "encoder", "classifier"}
    full = load_checkpoint(run.checkpoint_files()[-1])
    assert set(full.networks) == {"generator", "critic", "encoder", "classifier"}
    assert (best.step, last.step) == (4, 8)
    name = "head.weight"
    assert torch.equal(last.networks["encoder"][name], full.networks["encoder"][name])
    assert not torch.equal(best.networks["encoder"][name], last.networks["encoder"][name])
    # The best goes into checkpoints whole, and comes back.
    state = trainer.prepared(recipe)
    state.restore(full)
    assert torch.equal(state.best.networks["encoder"][name], best.networks["encoder"][name])


def test_optimizers_of_other_roles():
    optim = recipe_of().optim
    assert (optim.of("encoder").lr, optim.of("classifier")) == (2e-3, optim.critic)
    rates = {role: optimizer.param_groups[0]["lr"] for role, optimizer in state_of(recipe_of()).optimizers.items()}
    assert rates == {"critic": 1e-3, "classifier": 1e-3, "generator": 1e-3, "encoder": 2e-3}
