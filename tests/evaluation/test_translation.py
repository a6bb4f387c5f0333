"""Translators with known errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.evaluation.translation import (
    TranslationEvaluation,
    TranslationReference,
    TranslationScores,
    make_translation_reference,
    mean_l1,
)
from wgan_cli.recipe import load_recipe
from wgan_cli.recipe.data_settings import PairSettings

CPU = torch.device("cpu")
RECIPE = load_recipe("mnist_cyclegan")
NEGATIVES = {"a": "digits", "b": {"source": "digits", "transform": "invert"}}


class Formula(nn.Module):
    def __init__(self, formula) -> None:
        super().__init__()
        self.formula = formula
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.formula(images)


def known(to_a, to_b) -> nn.Module:
    """Return translators that are formulas."""
    return nn.ModuleDict({"to_a": Formula(to_a), "to_b": Formula(to_b)})


def referred(data: dict, count: int = 100, root: Path = Path("nowhere")) -> TranslationReference:
    return make_translation_reference(PairSettings.model_validate(data), root, CPU, lambda text: None, count)


@pytest.fixture(scope="module")
def negatives() -> TranslationReference:
    return referred(NEGATIVES)


def test_exact_translators(negatives):
    before = torch.get_rng_state()
    found = negatives.evaluate(known(torch.neg, torch.neg), RECIPE, 7)
    assert torch.equal(torch.get_rng_state(), before)
    unchanged = (2 * negatives.held_out["a"].dataset.images.float() - 255).abs().mean().item()
    assert list(found.to) == ["b", "a"]
    for scores in found.to.values():
        assert (scores.count, scores.paired_l1, scores.cycle_l1) == (100, 0.0, 0.0)
        assert scores.identity_l1 == pytest.approx(unchanged, rel=0.02)
    assert found.record() == pytest.approx({"paired_l1": 0.0, "cycle_l1": 0.0, "spectrum": 1.0})
    assert found.line().startswith("step 7: paired L1 0 (untranslated: 2")
    assert (found.seen, found.held_out) == (False, {"a": "digits test", "b": "digits test"})
    score = found.score("paired_l1")
    assert (score.value, score.measured) == (0.0, "200 translations")


def test_errors_in_gray_levels(negatives):
    """One way three levels too dark, the other exact: off by 3 or 0, and by 3 on the way there and back."""
    shift = 3 / 127.5
    off = known(torch.neg, lambda images: (-images - shift).clamp(-1, 1))
    found = negatives.evaluate(off, RECIPE, 1)
    b = negatives.held_out["b"].dataset.images[negatives.held_out["b"].indices].int()
    expected = pytest.approx((b - (b - 3).clamp(0)).float().mean().item())
    assert (found.to["b"].paired_l1, found.to["a"].paired_l1) == (expected, 0.0)
    assert found.to["b"].cycle_l1 == expected and found.to["a"].cycle_l1 == expected


def test_fd_without_known_answers(features_root):
    """Threes and eights that stay as they are lie far from the other side, and come back whole."""
    sides = {"a": {"source": "digits", "classes": [3]}, "b": {"source": "digits", "classes": [8]}}
    ones = referred(sides, 50, features_root)
    found = ones.evaluate(known(lambda images: images, lambda images: images), RECIPE, 1)
    for scores in found.to.values():
        assert scores.paired_l1 is None and scores.identity_l1 is None
        assert scores.fd > 5 * scores.real_baseline > 0
        assert scores.cycle_l1 == 0.0
    assert found.record().keys() == {"fd", "real_baseline", "cycle_l1", "spectrum"}
    assert found.score("fd").measured.startswith("100 translations in digits-28x28x1-")
    assert "FD" in found.line() and "real images" in found.line()


def test_equal_numbers_of_images_on_both_sides(features_root):
    sides = {"a": {"source": "digits", "classes": [3]}, "b": {"source": "digits", "classes": [8]}}
    whole = referred(sides, 1000, features_root)
    fewer, more = sorted(len(selection.dataset) for selection in whole.held_out.values())
    assert fewer < more and {len(selection) for selection in whole.held_out.values()} == {fewer}
    exact = referred(sides, fewer, features_root)
    assert {side: target.real_baseline for side, target in whole.targets.items()} == {
        side: target.real_baseline for side, target in exact.targets.items()
    }


def test_a_checkerboard_in_translations(negatives):
    signs = (-1) ** (torch.arange(28)[:, None] + torch.arange(28)) * 0.1
    found = negatives.evaluate(known(torch.neg, lambda images: -images * 0.8 + signs), RECIPE, 1)
    assert found.to["b"].spectrum > 5 and found.to["a"].spectrum == pytest.approx(1)


def test_mean_over_directions():
    to = {"b": TranslationScores(10, 2.0, 1.1, 4.0, 100.0), "a": TranslationScores(10, 4.0, 9.0, 0.0, 50.0)}
    found = TranslationEvaluation(3, "", {"a": "x", "b": "y"}, False, to)
    assert (found.mean("paired_l1"), found.mean("cycle_l1"), found.mean("fd")) == (2.0, 3.0, None)
    assert found.as_dict() == {
        "a_to_b": {"count": 10, "cycle_l1": 2.0, "spectrum": 1.1, "paired_l1": 4.0, "identity_l1": 100.0},
        "b_to_a": {"count": 10, "cycle_l1": 4.0, "spectrum": 9.0, "paired_l1": 0.0, "identity_l1": 50.0},
    }


def test_mean_l1():
    one = [torch.tensor([0, 255], dtype=torch.uint8), torch.tensor([7], dtype=torch.uint8)]
    other = [torch.tensor([255, 255], dtype=torch.uint8), torch.tensor([1], dtype=torch.uint8)]
    assert mean_l1(one, other) == (255 + 0 + 6) / 3


def test_a_larger_number_than_is_held_out_is_noted(negatives):
    said: list[str] = []
    held_out = len(negatives.held_out["a"].dataset)
    for count in (held_out, held_out + 1):
        make_translation_reference(PairSettings.model_validate(NEGATIVES), Path("nowhere"), CPU, said.append, count)
        assert [line for line in said if "no more are held out" in line] == said[: count - held_out]
