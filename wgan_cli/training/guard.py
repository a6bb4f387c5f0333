"""What stops a run before it wastes a night: numbers that are no numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from wgan_cli.errors import ExitStatus, WganError

_HINT = (
    "train again with a lower lr (--set optim.critic.lr=... --set optim.generator.lr=...), then try --amp off, "
    "then a larger objective.n_critic; the last checkpoint is good"
)


def check_terms(terms: Mapping[str, float], step: int) -> None:
    """Stop if a mean since the last check is NaN or infinite; one bad step spoils the whole mean, so none is missed.

    Raises: WganError (status FAILED) naming the term.
    """
    for name, value in terms.items():
        if not math.isfinite(value):
            raise WganError(f"training diverged before step {step}: {name} is {value}", _HINT, ExitStatus.FAILED)


def check_weights(networks: Mapping[str, nn.Module], step: int) -> None:
    """Stop if a weight is NaN or infinite, so that no checkpoint ever holds one. One sync per network.

    Raises: WganError (status FAILED) naming the network.
    """
    for role, network in networks.items():
        tensors = [*network.parameters(), *network.buffers()]  # batch norm's statistics spoil samples just as well
        whole = torch.stack([tensor.isfinite().all() for tensor in tensors]).all()
        if not whole:
            raise WganError(
                f"training diverged before step {step}: a weight of the {role} is not finite", _HINT, ExitStatus.FAILED
            )
