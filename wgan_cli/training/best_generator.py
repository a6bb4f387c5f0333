"""The best generator of a run so far, as a checkpoint keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.runs.checkpoint import BestScore, checked_score


@dataclass(frozen=True)
class Best:
    """The generator with the best score of a run. since: evaluations after it, none better.

    networks: its weights, and those of what else sampling takes, by role, on the CPU.

    A checkpoint holds it whole, so that a run that goes back to one has the best generator of that time again.
    """

    step: int
    score: BestScore
    networks: dict[str, dict[str, Tensor]]
    since: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values and tensors, for a checkpoint."""
        others = dict(self.networks)
        weights = others.pop("generator")
        facts = {"step": self.step, "score": asdict(self.score), "weights": weights, "since": self.since}
        return {**facts, **({"others": others} if others else {})}

    @classmethod
    def from_dict(cls, values: dict[str, Any] | None, like: dict[str, dict[str, Tensor]]) -> Best | None:
        """What a checkpoint holds, or None where it holds none, as one does that was written before there was any.

        Args:
            like: weights by role, whose names, shapes and types these must have.
        Raises: ValueError, TypeError or KeyError where they have not, or a number cannot be.
        """
        if values is None:
            return None
        networks = {"generator": dict(values["weights"]), **values.get("others", {})}
        best = cls(values["step"], checked_score(values["score"]), networks, values["since"])
        if any(type(n) is not int or not 0 <= n <= MOST_STEPS for n in (best.step, best.since)):
            raise ValueError("no counts")
        if networks.keys() != like.keys():
            raise ValueError("networks of something else")
        for role, weights in like.items():
            _check_alike(networks[role], weights)
        return best


def out_of_patience(best: Best | None, patience: int | None) -> bool:
    """Whether the best has stood for so many evaluations that a run should end; never for None."""
    return best is not None and patience is not None and best.since >= patience


def copied_to_host(networks: dict[str, dict[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
    """Weights by role in memory of their own, on the CPU."""
    with torch.no_grad():
        return {
            role: {name: tensor.to("cpu", copy=True) for name, tensor in weights.items()}
            for role, weights in networks.items()
        }


def _check_alike(weights: dict[str, Tensor], like: dict[str, Tensor]) -> None:
    if weights.keys() != like.keys():
        raise ValueError("weights of something else")
    if any((weights[k].shape, weights[k].dtype) != (like[k].shape, like[k].dtype) for k in like):
        raise ValueError("weights of another size")
