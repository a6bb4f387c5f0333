"""Metrics that `wgan evaluate --metrics` accepts."""

from collections.abc import Mapping
from typing import NamedTuple

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe.scores import RENAMED

OWN = (
    *("fd", "precision", "recall", "density", "coverage", "memorization", "duplicates", "spectrum"),
    *("classes", "agreement"),
)
RECONSTRUCTION = ("reconstruction",)  # needs an encoder
USEFULNESS = ("cas", "augmentation")  # take minutes, and need a conditional generator
INCEPTION = ("fid", "is", "kid")  # need the extra `fid`
ALL = OWN + RECONSTRUCTION + USEFULNESS + INCEPTION


class Missing(NamedTuple):
    """Requirement of a metric that the evaluated generator or files don't meet, and how to meet it."""

    needs: str
    fix: str


#: Metrics that don't apply to files of generated images.
NOT_OF_FILES: Mapping[str, Missing] = {
    name: Missing("a generator", "evaluate its run or checkpoint") for name in RECONSTRUCTION + USEFULNESS
}


def not_of_generator(conditional: bool, encodes: bool) -> dict[str, Missing]:
    """Return the metrics that don't apply to a generator without labels, or to a model without an encoder."""
    classes = Missing("a conditional generator", "train with --set model.conditional=true")
    encoder = Missing("a model with an encoder", "train such a model: wgan train --recipe mnist_cvae_gan")
    found: dict[str, Missing] = {}
    if not conditional:
        found |= dict.fromkeys(("agreement", *USEFULNESS), classes)
    if not encodes:
        found |= dict.fromkeys(RECONSTRUCTION, encoder)
    return found


def chosen_metrics(text: str | None, missing: Mapping[str, Missing]) -> tuple[str, ...]:
    """Parse a list such as fd,recall (None: the default metrics), without or rejecting those that don't apply.

    Raises: WganError for an unknown metric, or one of `missing`.
    """
    if text is None:
        return tuple(name for name in OWN + RECONSTRUCTION if name not in missing)
    chosen = []
    for word in (word.strip().lower() for word in text.split(",")):
        name = RENAMED.get(word, word)
        if name not in ALL:
            hint = f"{did_you_mean(word[:40], ALL)}Metrics: {', '.join(ALL)}"
            raise WganError(f"--metrics: unknown metric {word[:40]!r}", hint)
        if name in missing:
            raise WganError(f"--metrics {name} needs {missing[name].needs}", f"remove {name}, or {missing[name].fix}")
        chosen.append(name)
    return tuple(dict.fromkeys(chosen))
