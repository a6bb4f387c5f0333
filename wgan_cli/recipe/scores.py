"""Table of all scores, read by logs, tables, curves, reports and `best_by`: adding a score is one entry here."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Score:
    """A number that an evaluation computes."""

    name: str  # key in metrics.jsonl and `--json` output, and value of `best_by`
    meaning: str  # explanation, as a phrase
    panel: str = ""  # title of its chart, which scores may share; "" is not drawn
    lower_is_better: bool = False
    unit: Literal["", "share", "distance", "ratio"] = ""  # share: printed in percent; the others: logarithmic axis
    label: str = ""  # display name, if it is not the name with spaces
    logged: bool = True  # written to metrics.jsonl
    needs: Literal["", "labels", "pairs"] = ""  # a conditional generator; translators with a known correct output
    selectable: bool = False  # allowed as `best_by`

    @property
    def log_scale(self) -> bool:
        """True if charts use a logarithmic axis."""
        return self.unit in ("distance", "ratio")

    def format(self, value: float) -> str:
        """Return a value as text: a share in percent, any other number with three significant digits."""
        return f"{value:.1%}" if self.unit == "share" else f"{value:.3g}"


def _share(name: str, meaning: str, panel: str, **settings: Any) -> Score:
    return Score(name, f"share of {meaning}", panel, unit="share", **settings)


def _distance(name: str, meaning: str, panel: str = "", **settings: Any) -> Score:
    return Score(name, meaning, panel, lower_is_better=True, unit="distance", **settings)


def _l1(name: str, meaning: str, panel: str = "", **settings: Any) -> Score:
    return Score(name, meaning, panel, lower_is_better=True, label=name.replace("_l1", " L1"), **settings)


_QUALITY, _CLASSES, _TRANSLATION = "fidelity and diversity", "classes and memorization", "translation errors"
_SCORES = (
    _distance(
        "fd", "Frechet distance to the training images, in percent of their feature variance; lower is better",
        "Frechet distance", label="FD", selectable=True,
    ),
    _share("precision", "samples that look like training images; higher is better", _QUALITY, selectable=True),
    _share(
        "recall", "the training images' variety that the samples reach; higher is better", _QUALITY, selectable=True,
    ),
    Score(
        "density", "number of training images around each sample, relative to real images, which have about 1",
        _QUALITY, selectable=True,
    ),
    _share("coverage", "training images with a sample nearby; higher is better", _QUALITY, selectable=True),
    _share(
        "memorization", "samples closer to a training image than 99% of held-out real images; 1% is normal",
        _CLASSES, lower_is_better=True,
    ),
    _share(
        "duplicates", "samples closer to another sample than 99% of held-out real images to one another; 1% is normal",
        _CLASSES, lower_is_better=True,
    ),
    Score(
        "spectrum", "largest power at a spatial frequency relative to real images; far above 1: a pattern such as "
        "a checkerboard", "power spectrum", lower_is_better=True, unit="ratio",
    ),
    _share(
        "agreement", "samples that a classifier assigns to the requested class; higher is better",
        _CLASSES, needs="labels",
    ),
    Score("class_entropy", "entropy of the predicted classes; 1 if all are equally frequent", _CLASSES),
    Score("class_confidence", "mean probability of the predicted class", _CLASSES, unit="share"),
    _distance("real_baseline", "Frechet distance of held-out real images"),
    _l1(
        "paired_l1", "mean absolute difference from the correct translation, in gray levels (0-255); lower is better",
        _TRANSLATION, needs="pairs", selectable=True,
    ),
    _l1("identity_l1", "the same for images that are left untranslated", needs="pairs", logged=False),
    _l1(
        "cycle_l1", "mean absolute difference after translating there and back, in gray levels (0-255); "
        "lower is better", _TRANSLATION,
    ),
    _distance(
        "fid", "Frechet distance to the training images in Inception features; lower is better",
        label="FID", logged=False,
    ),
    Score("is", "inception score; higher is better", label="IS", logged=False),
    Score("is_std", "standard deviation of the inception score over ten splits", label="IS std", logged=False),
    _distance(
        "kid", "kernel distance to the training images in Inception features; lower is better",
        label="KID", logged=False,
    ),
    Score("kid_std", "standard deviation of KID over a hundred subsets", label="KID std", logged=False),
)  # fmt: skip

SCORES: dict[str, Score] = {score.name: score for score in _SCORES}
#: Names of the scores that an evaluation adds to a record of metrics.jsonl, in that order.
LOGGED = tuple(score.name for score in _SCORES if score.logged)
#: Names that `best_by` accepts.
SELECTABLE = tuple(score.name for score in _SCORES if score.selectable)
#: Value of `fd` for held-out real images, next to which `fd` is read.
BASELINE = "real_baseline"
#: Old names in files of earlier versions, and what they are called now.
RENAMED = {
    "distance": "fd", "real_distance": BASELINE, "copies": "memorization", "answer_error": "paired_l1",
    "unchanged_error": "identity_l1", "cycle_error": "cycle_l1",
}  # fmt: skip


def main_score(names: Collection[str]) -> str | None:
    """Return the score that stands for a generator's quality, or else the first one in the order of the table."""
    return next((name for name in ("fd", "paired_l1", *SCORES) if name in names), None)


def panels(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Group score names by the chart that shows them, in the order of the table."""
    present, grouped = set(names), {}
    for score in _SCORES:
        if score.panel and score.name in present:
            grouped[score.panel] = (*grouped.get(score.panel, ()), score.name)
    return grouped


def title_of(name: str) -> str:
    """Return the display name of a score, a loss term or a setting."""
    return (name in SCORES and SCORES[name].label) or name.replace("_", " ")


def format_score(name: str, value: float) -> str:
    """Return a score, or any other number of a log, as text."""
    return SCORES[name].format(value) if name in SCORES else f"{value:.3g}"


def compare_with_real(fd: float, baseline: float) -> str:
    """Return how a Frechet distance relates to that of held-out real images, as a sentence without a period.

    Records don't tell whether as many images were held out.
    """
    ratio = f", so this is {fd / baseline:.3g} times their distance" if baseline else ""
    return f"as many held-out real images, or all if they are fewer, have {baseline:.3g}{ratio}"


def chart_name(name: str) -> str:
    """Return the name of a logged number in TensorBoard and other trackers, where scores form a group."""
    return f"scores/{name}" if name in LOGGED else name
