"""Weights to start a run from: the file, and networks with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.transfer import ImageKind
from wgan_cli.networks.weights import check_roles, network_with
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.pretrained import source_title
from wgan_cli.runs.with_critic import load_with_critic


@dataclass(frozen=True)
class InitialWeights:
    """Checkpoint to start another run from, and the file that it was read from."""

    checkpoint: Checkpoint
    file: Path

    @property
    def kind(self) -> ImageKind:
        """Recipe and images of the networks."""
        return ImageKind(self.checkpoint.recipe, self.checkpoint.image, self.checkpoint.class_names)

    @property
    def title(self) -> str:
        """The file, or the name of a bundled generator."""
        return source_title(self.file)

    @property
    def facts(self) -> dict[str, Any]:
        """Origin of the weights as plain values."""
        found = self.checkpoint
        return {
            "path": str(self.file.resolve()),
            "recipe": found.recipe.name,
            "step": found.step,
            "checksum": found.checksum,
        }

    @property
    def averaged_steps(self) -> int:
        """Steps in the generator's EMA, including those of earlier runs that a full checkpoint knows of."""
        earlier = (self.checkpoint.training or {}).get("earlier_ema_steps", 0)
        return self.checkpoint.step + (earlier if type(earlier) is int and 0 <= earlier <= MOST_STEPS else 0)

    def network(self, role: str, averaged: bool = False) -> nn.Module:
        """Return a network with its weights of the last step, or the `averaged` generator (EMA), which every file has.

        Raises: WganError for a damaged file.
        """
        weights, training = self.checkpoint.networks[role], self.checkpoint.training
        if role == "generator" and training is not None and not averaged:
            weights = training.get(role)
            if not isinstance(weights, Mapping) or not all(isinstance(each, Tensor) for each in weights.values()):
                raise WganError(f"{self.file} is damaged: it has no generator", "use another checkpoint of the run")
        return network_with(role, self.checkpoint.recipe, self.checkpoint.image, weights, str(self.file))


def open_initial_weights(path: Path) -> InitialWeights:
    """Open what `load_with_critic` takes, and check that its networks are those of its recipe. Raises: WganError."""
    checkpoint, file = load_with_critic(path)
    check_roles(checkpoint.networks, checkpoint.recipe, str(file))
    return InitialWeights(checkpoint, file)
