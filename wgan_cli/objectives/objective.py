"""Objectives: named networks, phases that train them in order, and the terms that their losses log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from torch import Tensor, nn

from wgan_cli.objectives.terms import Term
from wgan_cli.recipe import Recipe

NetworksByRole = Mapping[str, nn.Module]
SettingsT = TypeVar("SettingsT")


@dataclass(frozen=True)
class Batch:
    """Input of a loss.

    Attributes:
        z: (N, latent_dim), standard normal.
        real: (N, C, H, W) in [-1, 1], or (N, 2, C, H, W) for two domains; None in a phase without real images.
        labels: (N,) int64: the classes of `real`, or drawn uniformly from all classes if the phase uses no real images;
            None for unconditional networks.
        apply_penalty: False in runs of the phase that skip a lazy penalty (gp_every, path_length_every).
    """

    z: Tensor
    real: Tensor | None = None
    labels: Tensor | None = None
    apply_penalty: bool = True


class Loss(NamedTuple):
    """Scalar to minimize (`total`), and scalars to log by name (`terms`): records hold their means since the last one.

    Terms need not be detached.
    """

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Phase:
    """Part of an iteration that trains one network on one loss, `repeats` times in a row.

    A loss may depend only on its batch, the networks and the objective's state, so that it can be compiled or captured
    once for each value of `batch.apply_penalty`.

    Attributes:
        trains: role of the trained network.
        loss: (networks by role, batch) -> Loss; every network but the trained one is frozen.
        uses_real: take the next batch of real images from the loader; they count for `kimg` and epochs.
        after_step: called with the networks after each optimizer step.
        penalty_interval: `batch.apply_penalty` is true in every N-th run of the phase, starting with the first.
    """

    name: str
    trains: str
    repeats: int
    loss: Callable[[NetworksByRole, Batch], Loss]
    uses_real: bool = True
    after_step: Callable[[NetworksByRole], None] | None = None
    penalty_interval: int = 1


@dataclass(frozen=True)
class Objective:
    """Phases in the order in which an iteration runs them, and the terms that they log.

    Attributes:
        state: buffers that losses change in place, such as a pool of images. They move to the device with the networks
            and are saved in checkpoints. Losses with state cannot be compiled.
        exported_roles: networks saved with their latest weights, next to the averaged generator, in files to sample
            from.
        domains: images at each position of a batch; 2 for image-to-image translation.
        collapse_advice: settings to try when all samples look the same.
        divergence_advice: settings to try when training diverges, after lower learning rates.
    """

    phases: tuple[Phase, ...]
    terms: tuple[Term, ...] = ()
    state: nn.Module | None = None
    exported_roles: tuple[str, ...] = ()
    domains: int = 1
    collapse_advice: str = "a lower optim.generator.lr"
    divergence_advice: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of the trained networks, each once."""
        return tuple(dict.fromkeys(phase.trains for phase in self.phases))

    @property
    def meanings(self) -> dict[str, str]:
        """Explanation of each logged term by name."""
        return {term.name: term.meaning for term in self.terms}

    def images_per_iteration(self, batch_size: int) -> int:
        """Return the number of real images that the networks see in one iteration."""
        return self.domains * batch_size * sum(phase.repeats for phase in self.phases if phase.uses_real)


def settings_of(recipe: Recipe, kind: type[SettingsT]) -> SettingsT:
    """Return the recipe's objective settings as the class that an objective's builder works with."""
    settings = recipe.objective
    assert isinstance(settings, kind), f"{settings.name} has no {kind.__name__}"
    return settings


def given(value: Tensor | None) -> Tensor:
    """Return an optional part of a batch that the phase requires."""
    assert value is not None, "the phase needs real images and labels"
    return value
