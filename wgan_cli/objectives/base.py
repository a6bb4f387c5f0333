"""What an objective is: names of networks, and phases that train them in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

Networks = Mapping[str, nn.Module]


@dataclass(frozen=True)
class Batch:
    """What one phase sees once.

    z: (N, latent_dim), standard normal. real: (N, C, H, W) in [-1, 1], of data with two sides (N, 2, C, H, W), or None
    in a phase that looks at no data.
    labels: (N,) int64 or None. penalise: whether a phase that penalises only now and then does so this time.
    """

    z: Tensor
    real: Tensor | None = None
    labels: Tensor | None = None
    apply_penalty: bool = True


class Loss(NamedTuple):
    """total: scalar to go down. terms: scalars for the log, by their name there."""

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Phase:
    """A part of an iteration that lowers one loss of one network, `repeats` times in a row.

    penalise_every: of the phase's runs, the first and then every so many see `batch.penalise` true. A loss depends on
        its batch, the networks and the objective's memory alone, so that it can be compiled, or captured, once for
        each value of that.
    """

    name: str
    trains: str
    repeats: int
    loss: Callable[[Networks, Batch], Loss]
    uses_real: bool = True
    after_step: Callable[[Networks], None] | None = None
    penalty_interval: int = 1


@dataclass(frozen=True)
class Objective:
    """Phases in the order in which an iteration runs them, and what their terms mean in plain words.

    meanings: by a term's name, a phrase on what it is and where a healthy run takes it.
    memory: what losses remember from one run to the next, such as a pool of images, in buffers that are changed in
        place; it moves to the device with the networks, and into checkpoints. Such losses cannot be compiled.
    exported_roles: networks beside the generator that a file to sample from holds as well.
    sides: images in each place of a batch; 2 where the data has two sides.
    """

    phases: tuple[Phase, ...]
    meanings: dict[str, str] = field(default_factory=dict)
    memory: nn.Module | None = None
    exported_roles: tuple[str, ...] = ()
    sides: int = 1

    @property
    def roles(self) -> tuple[str, ...]:
        """The networks that it trains, each once."""
        return tuple(dict.fromkeys(phase.trains for phase in self.phases))

    def images_per_iteration(self, batch_size: int) -> int:
        """Real images that one whole iteration shows to the networks."""
        return self.sides * batch_size * sum(phase.repeats for phase in self.phases if phase.uses_real)
