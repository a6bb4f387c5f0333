"""The names of what can be measured."""

from __future__ import annotations

from wgan_cli.errors import WganError, did_you_mean

OWN = ("fd", "precision", "recall", "density", "coverage", "memorization", "classes", "agreement")
COPIED = ("reconstruction",)  # of a model that has an encoder
USEFULNESS = ("cas", "augmentation")  # take minutes, and a generator that knows classes
INCEPTION = ("fid", "is", "kid")  # with the extra `fid`
ALL = OWN + COPIED + USEFULNESS + INCEPTION


def chosen_metrics(text: str | None, conditional: bool, encodes: bool = False) -> tuple[str, ...]:
    """Read a list such as distance,recall; what `wgan` measures by itself where it is None.

    Args:
        conditional: whether the generator makes images of classes that are asked for.
        encodes: whether an encoder finds the z of an image.
    Raises: WganError naming the word that is no metric, or needs such a generator or an encoder.
    """
    needs_classes = {"agreement", *USEFULNESS}
    if text is None:
        by_itself = OWN + (COPIED if encodes else ())
        return tuple(name for name in by_itself if conditional or name not in needs_classes)
    words = [word.strip().lower() for word in text.split(",")]
    for word in words:
        if word not in ALL:
            raise WganError(
                f"--metrics names {word[:40]!r}, which is no metric",
                f"{did_you_mean(word[:40], ALL)}Metrics: {', '.join(ALL)}",
            )
        if word in needs_classes and not conditional:
            raise WganError(
                f"--metrics names {word}, which needs a generator trained with classes",
                f"leave out {word}, or train with --set model.conditional=true",
            )
        if word in COPIED and not encodes:
            raise WganError(
                f"--metrics names {word}, which needs a model with an encoder",
                f"leave out {word}, or train one that has: wgan train --recipe mnist_cvae_gan",
            )
    return tuple(dict.fromkeys(words))
