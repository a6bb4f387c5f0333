"""Warnings about runs that learn nothing: each once, until it clears."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.objectives import Objective, build_objective
from wgan_cli.objectives.penalties import EARLY_STEPS, HIGH_PENALTY, HIGH_PENALTY_EARLY
from wgan_cli.objectives.terms import EXPLODED_LOSS, PATIENCE, ZERO_LOSS
from wgan_cli.recipe import ImageShape, recipe_from_dict
from wgan_cli.training.recording import diagnostics
from wgan_cli.training.recording.diagnostics import COLLAPSED_STD, Diagnostics
from wgan_cli.training.step import TrainingStep

GOOD = {"critic_loss": -3.0, "gradient_penalty": 0.1, "wasserstein": 4.0}


def objective_of(name: str, **settings: object) -> Objective:
    recipe = recipe_from_dict({"model": "mlp", "objective": {"name": name, **settings}, "steps": 1}, "a test")
    return build_objective(recipe, ImageShape(8, 8, 1))


def diagnostics_of(name: str = "wgan_gp", **settings: object) -> Diagnostics:
    return Diagnostics(objective_of(name, **settings))


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        ({"critic_loss": ZERO_LOSS / 2}, "critic_loss is 5e-05"),
        ({"critic_loss": -2 * EXPLODED_LOSS}, "critic_loss explodes: -2e+04"),
        ({"gradient_penalty": 2 * HIGH_PENALTY}, "gradient_penalty is 4, "),
    ],
)
def test_warns_once_until_it_clears(failing, words):
    checks = diagnostics_of()
    assert checks.check_terms(GOOD, EARLY_STEPS) == []
    for _ in range(2):
        (warning,) = checks.check_terms({**GOOD, **failing}, EARLY_STEPS)
        assert words in warning and "try a " in warning
        assert checks.check_terms({**GOOD, **failing}, EARLY_STEPS) == []
        assert checks.check_terms(GOOD, EARLY_STEPS) == []


def test_early_penalties_may_be_high():
    high, higher = ({"gradient_penalty": times * HIGH_PENALTY_EARLY} for times in (0.5, 2))
    assert diagnostics_of().check_terms(high, EARLY_STEPS - 1) == []
    assert len(diagnostics_of().check_terms(higher, EARLY_STEPS - 1)) == 1


def test_only_terms_of_the_objective_are_checked():
    assert diagnostics_of().check_terms({}, 1) == diagnostics_of().check_terms({"cycle_loss": 0.0}, 1) == []
    assert diagnostics_of("hinge").check_terms({"gradient_penalty": 1e9}, 1000) == []


WINS, GUESSES, LEARNS, FOOLED = (0.999, 0.001), (0.5, 0.5), (0.75, 0.2), (0.3, 0.7)


@pytest.mark.parametrize(
    ("course", "words"),
    [
        ([GUESSES], []),
        ([GUESSES, LEARNS, (0.6, 0.4)], []),
        ([WINS], ["almost perfectly"]),
        ([WINS, LEARNS, WINS], ["almost perfectly", "almost perfectly"]),
        ([LEARNS, GUESSES], ["no longer tells real from fake"]),
        ([FOOLED], ["no longer tells real from fake"]),
        ([(0.9, 0.001)], []),
    ],
)
def test_one_sided_game(course, words):
    checks, warnings = diagnostics_of("gan"), []
    held = [probabilities for probabilities in course for _ in range(4)]  # each for twice the patience
    for number, (real, fake) in enumerate(held, 1):
        values = {"critic_loss": 1.0, "real_probability": real, "fake_probability": fake}
        warnings += checks.check_terms(values, number * PATIENCE // 2)
    assert len(warnings) == len(words)
    assert all(word in warning and "; try a " in warning for word, warning in zip(words, warnings, strict=True))


def test_critic_may_win_for_a_while():
    checks = diagnostics_of("gan")
    won = {"real_probability": 1.0, "fake_probability": 0.0}
    fair = {"real_probability": 0.9, "fake_probability": 0.1}
    for step in range(0, 20 * PATIENCE, PATIENCE // 2):
        assert checks.check_terms(fair if step % PATIENCE else won, step) == []


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({}, {"r1_weight", "instance_noise"}),
        ({"r1_weight": 1.0}, {"instance_noise"}),
        ({"instance_noise": 0.1}, {"r1_weight"}),
    ],
)
def test_advice_names_unused_settings(settings, advice):
    real, _ = (term for term in objective_of("gan", **settings).terms if term.name.endswith("_probability"))
    assert {name for name in ("r1_weight", "instance_noise") if name in real.checks[0].advice} == advice


def test_identical_samples():
    checks = diagnostics_of()
    same = torch.full((9, 1, 4, 4), 77, dtype=torch.uint8)
    varied = same.clone()
    varied[:, 0, 0, 0] = torch.arange(9) * int(4 * COLLAPSED_STD)  # one pixel is enough
    assert checks.check_samples(same, diagnostics.EARLY_STEPS - 1) == []  # not trained yet
    assert checks.check_samples(varied, 1) == []
    (warning,) = checks.check_samples(same, 2)
    assert "all samples look the same" in warning and "objective.n_critic" in warning
    assert checks.check_samples(same, 3) == []
    assert diagnostics_of().check_samples(same, diagnostics.EARLY_STEPS) == [warning]
    assert diagnostics_of().check_samples(same[:1], diagnostics.EARLY_STEPS) == []  # a single sample has no spread


@pytest.mark.parametrize(
    ("role", "factor", "settings", "words"),
    [
        ("generator", 0.0, ["ema_decay=0"], ["all samples look the same"]),
        ("critic", 0.0, ["objective.gp_weight=0", "optim.critic.lr=1e-12"], ["critic_loss is "]),
        ("critic", 20.0, [], ["critic_loss explodes", "gradient_penalty is "]),
    ],
)
def test_run_warns(wgan, tiny_options, monkeypatch, role, factor, settings, words):
    step = TrainingStep.__call__

    def call(self, number: int) -> None:
        step(self, number)
        if number == 6:
            for parameter in self.networks[role].parameters():
                parameter.data.mul_(factor)
            self.ema.update()

    monkeypatch.setattr(TrainingStep, "__call__", call)
    settings = (*settings, "log_every=2", "sample_every=2", "model.generator.norm=batch")
    options = [word for setting in settings for word in ("--set", setting)]
    result = wgan("train", "--device", "cpu", *tiny_options, *options, "--steps", 12, "--out", "mine")
    assert result.status == 0, result.stderr
    for word in words:
        warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ") and word in line]
        assert len(warnings) == 1, result.stderr


@pytest.mark.slow
def test_healthy_run_does_not_warn(wgan):
    # Its penalty exceeds 20 in single steps of the first 50.
    options = ("--set", "eval_every=null", "--set", "log_every=5", "--steps", EARLY_STEPS + 20)
    result = wgan("train", "--device", "cpu", *options, "--out", "mine")
    assert result.status == 0
    assert "warning" not in result.stderr
