"""What the numbers of a run mean, in plain words."""

from __future__ import annotations

from wgan_cli.outputs.curves import FLOOR
from wgan_cli.outputs.summary import RunFacts
from wgan_cli.utils.format import clock

#: Of the scores in metrics.jsonl, by name: what is measured, and which way is good.
SCORE_MEANINGS = {
    "distance": "Frechet's, from the training images, in percent of their variance; less is better",
    "precision": "share of the samples that looks like training images; more is better",
    "recall": "share of the training images' variety that is reached; more is better",
    "density": "how thickly training images lie around a sample; about 1 for real images",
    "coverage": "share of training images that have a sample near; more is better",
    "copies": "share nearer to a training image than 99% of real images are; about 0.01 for real ones",
    "agreement": "share in which a classifier sees the class that was asked for; more is better",
    "class_entropy": "how evenly the classes come; 1 where all are equally frequent",
    "class_confidence": "how sure a classifier is of the class that it sees",
    "answer_error": "from the right answer, in grey levels of 255; less is better",
    "cycle_error": "of an image that went there and back, in grey levels of 255; less is better",
}
SHARES = frozenset({"precision", "recall", "coverage", "copies", "agreement", "class_confidence"})
#: How many times real images' own distance a distance may be, and what that says.
_NEARNESS = (
    (1.25, "it is as near to its training images as they are"),
    (4.0, "it comes close to them"),
    (15.0, "it is near its training images, and still apart from them"),
)


def named(name: str) -> str:
    """A number's name in letters for people."""
    return name.replace("_", " ")


def score_text(name: str, value: float) -> str:
    """A score as people read it: shares in percent."""
    return f"{value:.1%}" if name in SHARES else f"{value:.3g}"


def state_words(run: RunFacts) -> str:
    """How far a run is: "finished: 2,500 steps in 1:11"."""
    if run.state == "finished":
        return f"finished: {run.step:,} steps in {clock(run.seconds)}"
    return f"{run.state}: {run.step:,} of {run.steps:,} steps in {clock(run.seconds)}"


def verdict(run: RunFacts, scores: dict[str, float]) -> str:
    """What the best score of a run says, in one or two sentences; what to do where nothing was measured.

    Args:
        scores: of the best generator's step, or of the last.
    """
    if run.best is not None:
        whose = f"The best generator, of step {run.best.step:,},"
        by, value = run.best.score.by, run.best.score.value
    elif scores:
        whose = "The generator"
        by = "distance" if "distance" in scores else next(iter(scores))
        value = scores[by]
    else:
        return "How good the samples are was not measured; losses do not say it, wgan evaluate does."
    said = f"{whose} has {_an(by)} {named(by)} of {score_text(by, value)}."
    if by == "distance" and scores.get(FLOOR):
        floor = scores[FLOOR]
        near = next((words for limit, words in _NEARNESS if value <= limit * floor), "it is far from them")
        said += f" Real images are at {floor:.3g}: by this measure {near}."
    return said


def measured_with(run: RunFacts) -> str:
    """What the best score was measured with; "" where there is none."""
    if run.best is None:
        return ""
    return f"Measured with {run.best.score.measured}. Numbers of other features cannot be compared with these."


def _an(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def rate(run: RunFacts) -> float | None:
    """Images a second over the whole run, without logs, grids, checkpoints and evaluations."""
    trained = run.seconds - run.overhead_seconds
    return 1000 * run.kimg / trained if trained > 0 and run.kimg else None
