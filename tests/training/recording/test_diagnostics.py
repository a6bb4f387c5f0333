"""A run that learns nothing says so in words, once until it is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from wgan_cli.training.recording.diagnostics import (
    FAR_PENALTY,
    FARTHER_PENALTY,
    HUGE_LOSS,
    LONG,
    SAME_SAMPLES,
    YOUNG,
    ZERO_LOSS,
    Health,
)
from wgan_cli.training.step import TrainingStep

COLLAPSE = "a collapse is said in words, once until it clears"
GOOD = {"critic_loss": -3.0, "gradient_penalty": 0.1, "wasserstein": 4.0}


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        ({"critic_loss": ZERO_LOSS / 2}, "critic_loss is 5e-05"),
        ({"critic_loss": -2 * HUGE_LOSS}, "critic_loss explodes: -2e+04"),
        ({"gradient_penalty": 2 * FAR_PENALTY}, "gradient_penalty is 4, far from its aim"),
    ],
)
def test_each_illness_is_said_once_until_it_clears(ill, words):
    health = Health()
    assert health.of_terms(GOOD, YOUNG) == []
    for _ in range(2):
        (said,) = health.of_terms({**GOOD, **ill}, YOUNG)
        assert words in said
        assert "try a " in said
        assert health.of_terms({**GOOD, **ill}, YOUNG) == []
        assert health.of_terms(GOOD, YOUNG) == []


def test_a_young_critic_may_be_steep_but_not_endlessly():
    steep, steeper = ({"gradient_penalty": times * FARTHER_PENALTY} for times in (0.5, 2))
    assert Health().of_terms(steep, YOUNG - 1) == []
    assert len(Health().of_terms(steeper, YOUNG - 1)) == 1


def test_other_objectives_have_other_terms():
    assert Health().of_terms({}, 1) == []
    assert Health().of_terms({"cycle_loss": 0.0}, 1) == []


def said_over_time(*course: tuple[float, float]) -> list[str]:
    """Warnings of a run whose D(real) and D(fake) are these in turn, each for longer than a passing thing."""
    health, step, said = Health(), 0, []
    for real, fake in course:
        for _ in range(4):
            step += LONG // 2
            said += health.of_terms({"critic_loss": 1.0, "real_probability": real, "fake_probability": fake}, step)
    return said


WINS, GUESSES, LEARNS, FOOLED = (0.999, 0.001), (0.5, 0.5), (0.75, 0.2), (0.3, 0.7)


@pytest.mark.parametrize(
    ("course", "words"),
    [
        ([GUESSES], []),
        ([GUESSES, LEARNS, (0.6, 0.4)], []),
        ([WINS], ["wins outright"]),
        ([WINS, LEARNS, WINS], ["wins outright", "wins outright"]),
        ([LEARNS, GUESSES], ["tells real from fake no longer"]),
        ([FOOLED], ["tells real from fake no longer"]),
        ([(0.9, 0.001)], []),
    ],
)
def test_a_critic_that_wins_or_loses_for_long(course, words):
    said = said_over_time(*course)
    assert len(said) == len(words)
    assert all(word in warning and "; try a " in warning for word, warning in zip(words, said, strict=True))


def test_a_critic_may_win_for_a_while():
    health = Health()
    won = {"real_probability": 1.0, "fake_probability": 0.0}
    fair = {"real_probability": 0.9, "fake_probability": 0.1}
    for step in range(0, 20 * LONG, LONG // 2):
        assert health.of_terms(fair if step % LONG else won, step) == []


def test_samples_that_nobody_can_tell_apart():
    health = Health()
    same = torch.full((9, 1, 4, 4), 77, dtype=torch.uint8)
    varied = same.clone()
    varied[:, 0, 0, 0] = torch.arange(9) * int(4 * SAME_SAMPLES)  # one pixel is enough
    assert health.of_samples(same, YOUNG - 1) == []  # not trained yet
    assert health.of_samples(varied, 1) == []
    (said,) = health.of_samples(same, 2)
    assert "all samples look the same" in said
    assert health.of_samples(same, 3) == []
    assert Health().of_samples(same, YOUNG) == [said]
    assert Health().of_samples(same[:1], YOUNG) == []  # one sample says nothing


@contextmanager
def changed(role: str, factor: float) -> Iterator[None]:
    """After the seventh step, the weights of this network are multiplied by `factor`."""
    step = TrainingStep.__call__

    def call(self, number: int) -> None:
        step(self, number)
        if number == 6:
            for parameter in self.networks[role].parameters():
                parameter.data.mul_(factor)
            self.ema.update(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingStep, "__call__", call)
        yield


@pytest.mark.parametrize(
    ("role", "factor", "settings", "words"),
    [
        ("generator", 0.0, ["ema_decay=0"], "all samples look the same"),
        ("critic", 0.0, ["objective.gp_weight=0", "optim.critic.lr=1e-12"], "critic_loss is "),
        ("critic", 20.0, [], "critic_loss explodes"),
        ("critic", 20.0, [], "gradient_penalty is "),
    ],
)
def test_a_run_warns_of_a_collapse(wgan, tiny_options, role, factor, settings, words, promise):
    settings = (*settings, "log_every=2", "sample_every=2", "model.generator.norm=batch")
    options = [word for setting in settings for word in ("--set", setting)]
    with changed(role, factor):
        result = wgan("train", "--device", "cpu", *tiny_options, *options, "--steps", 12, "--out", "mine")
    assert result.status == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ") and words in line]
    assert len(warnings) == 1, result.stderr
    promise(COLLAPSE, how="spoils the weights of a network and reads what the run says")


def test_a_healthy_run_warns_of_nothing(wgan, tiny_options):
    result = wgan("train", "--device", "cpu", *tiny_options, "--steps", 30, "--out", "mine")
    assert result.status == 0
    assert "warning" not in result.stderr


def test_the_default_run_warns_of_nothing_while_its_critic_is_young(wgan):
    # Its penalty of weight 1 is over 20 in single steps of the first 50.
    options = ("--set", "eval_every=null", "--set", "log_every=5", "--steps", YOUNG + 20)
    result = wgan("train", "--device", "cpu", *options, "--out", "mine")
    assert result.status == 0
    assert "warning" not in result.stderr
