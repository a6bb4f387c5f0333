"""The names of what can be measured."""

from __future__ import annotations

from wgan_cli.errors import WganError, did_you_mean

OWN = ("distance", "precision", "recall", "density", "coverage", "copies", "classes", "agreement")
USEFULNESS = ("cas", "augmentation")  # take minutes, and a generator that knows classes
INCEPTION = ("fid", "is", "kid")  # with the extra `fid`
ALL = OWN + USEFULNESS + INCEPTION


def chosen_metrics(text: str | None, conditional: bool) -> tuple[str, ...]:
    """Read a list such as distance,recall; what `wgan` measures by itself where it is None.

    Args:
        conditional: whether the generator makes images of classes that are asked for.
    Raises: WganError naming the word that is no metric, or needs such a generator.
    """
    needs_classes = {"agreement", *USEFULNESS}
    if text is None:
        return tuple(name for name in OWN if conditional or name not in needs_classes)
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
    return tuple(dict.fromkeys(words))
