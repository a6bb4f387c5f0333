"""The best generator of a run so far, as stored in its checkpoints."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.runs.checkpoint import BestScore, checked_score

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Best:
    """The generator with the best score; checkpoints contain it whole, so that returning to one restores it too.

    Attributes:
        networks: weights by role, of the generator and the other networks needed for sampling, on the CPU.
        since: number of evaluations since then.
    """

    step: int
    score: BestScore
    networks: dict[str, Weights]
    since: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values and tensors for a checkpoint."""
        others = dict(self.networks)
        weights = others.pop("generator")
        fields = {"step": self.step, "score": asdict(self.score), "weights": weights, "since": self.since}
        return fields | ({"others": others} if others else {})

    @classmethod
    def from_dict(cls, values: dict[str, Any] | None, like: dict[str, Weights]) -> Best | None:
        """Return what `as_dict` stored; None for None.

        Args:
            like: weights by role that must agree in names, shapes and dtypes.
        Raises: ValueError, TypeError, KeyError if they don't, or a value is invalid.
        """
        if values is None:
            return None
        networks = {"generator": dict(values["weights"]), **values.get("others", {})}
        best = cls(values["step"], checked_score(values["score"]), networks, values["since"])
        if any(type(n) is not int or not 0 <= n <= MOST_STEPS for n in (best.step, best.since)):
            raise ValueError("invalid counts")
        found, expected = (
            {role: {name: (t.shape, t.dtype) for name, t in weights.items()} for role, weights in both.items()}
            for both in (networks, like)
        )
        if found != expected:
            raise ValueError("networks of a different recipe")
        return best


def out_of_patience(best: Best | None, patience: int | None) -> bool:
    """Return True if `patience` evaluations brought no better generator; never for None."""
    return best is not None and patience is not None and best.since >= patience
