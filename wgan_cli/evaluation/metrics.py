"""Metrics that `wgan evaluate --metrics` accepts."""

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe.scores import RENAMED

OWN = ("fd", "precision", "recall", "density", "coverage", "memorization", "duplicates", "classes", "agreement")
RECONSTRUCTION = ("reconstruction",)  # needs an encoder
USEFULNESS = ("cas", "augmentation")  # take minutes, and need a conditional generator
INCEPTION = ("fid", "is", "kid")  # need the extra `fid`
ALL = OWN + RECONSTRUCTION + USEFULNESS + INCEPTION
NEED_CLASSES = frozenset({"agreement", *USEFULNESS})


def chosen_metrics(text: str | None, conditional: bool, encodes: bool = False) -> tuple[str, ...]:
    """Parse a list such as fd,recall (None: the default metrics) for a generator that takes labels or has an encoder.

    Raises: WganError for an unknown metric, or one that this generator does not support.
    """
    if text is None:
        default = OWN + (RECONSTRUCTION if encodes else ())
        return tuple(name for name in default if conditional or name not in NEED_CLASSES)
    chosen = []
    for word in (word.strip().lower() for word in text.split(",")):
        name = RENAMED.get(word, word)
        if name not in ALL:
            hint = f"{did_you_mean(word[:40], ALL)}Metrics: {', '.join(ALL)}"
            raise WganError(f"--metrics: unknown metric {word[:40]!r}", hint)
        for metrics, supported, model, fix in (
            (NEED_CLASSES, conditional, "a conditional generator", "with --set model.conditional=true"),
            (RECONSTRUCTION, encodes, "a model with an encoder", "such a model: wgan train --recipe mnist_cvae_gan"),
        ):
            if name in metrics and not supported:
                raise WganError(f"--metrics {name} needs {model}", f"remove {name}, or train {fix}")
        chosen.append(name)
    return tuple(dict.fromkeys(chosen))
