"""The best generator of a run so far, as a checkpoint keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.runs.checkpoint import Score, checked_score


@dataclass(frozen=True)
class Best:
    """The generator with the best score of a run. weights: on the CPU. since: evaluations after it, none better.

    A checkpoint holds it whole, so that a run that goes back to one has the best generator of that time again.
    """

    step: int
    score: Score
    weights: dict[str, Tensor]
    since: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values and tensors, for a checkpoint."""
        return {"step": self.step, "score": asdict(self.score), "weights": self.weights, "since": self.since}

    @classmethod
    def from_dict(cls, values: dict[str, Any] | None, like: dict[str, Tensor]) -> Best | None:
        """What a checkpoint holds, or None where it holds none, as one does that was written before there was any.

        Args:
            like: the generator's weights, whose names, shapes and types these must have.
        Raises: ValueError, TypeError or KeyError where they have not, or a number cannot be.
        """
        if values is None:
            return None
        best = cls(values["step"], checked_score(values["score"]), dict(values["weights"]), values["since"])
        if any(type(n) is not int or not 0 <= n <= MOST_STEPS for n in (best.step, best.since)):
            raise ValueError("no counts")
        if best.weights.keys() != like.keys():
            raise ValueError("weights of something else")
        if any((best.weights[k].shape, best.weights[k].dtype) != (like[k].shape, like[k].dtype) for k in like):
            raise ValueError("weights of another size")
        return best


def out_of_patience(best: Best | None, patience: int | None) -> bool:
    """Whether the best has stood for so many evaluations that a run should end; never for None."""
    return best is not None and patience is not None and best.since >= patience


def copied_to_host(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in memory of their own, on the CPU."""
    with torch.no_grad():
        return {name: tensor.to("cpu", copy=True) for name, tensor in weights.items()}
