"""The names of what can be measured."""

from __future__ import annotations

from wgan_cli.errors import WganError, did_you_mean

OWN = ("distance", "precision", "recall", "density", "coverage", "copies", "classes")
INCEPTION = ("fid", "is", "kid")  # with the extra `fid`


def chosen_metrics(text: str | None) -> tuple[str, ...]:
    """Read a list such as distance,recall; what `wgan` measures by itself where it is None.

    Raises: WganError naming the word that is no metric.
    """
    if text is None:
        return OWN
    words = [word.strip().lower() for word in text.split(",")]
    for word in words:
        if word not in OWN + INCEPTION:
            raise WganError(
                f"--metrics names {word[:40]!r}, which is no metric",
                f"{did_you_mean(word[:40], OWN + INCEPTION)}Metrics: {', '.join(OWN + INCEPTION)}",
            )
    return tuple(dict.fromkeys(words))
