"""How much memory a recipe's training takes, by a rehearsal on tensors that have shapes and no numbers."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from wgan_cli.networks import build_network
from wgan_cli.objectives import Objective, build_objective
from wgan_cli.objectives.diff_augment import with_diff_augment
from wgan_cli.objectives.instance_noise import make_noise
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.training.numerics.amp import Precision, resolve_amp
from wgan_cli.training.optim import make_optimizers
from wgan_cli.training.step import TrainingStep

#: Python, torch and their kernels' code once everything has run: what the smallest recipes take on Linux, torch 2.15.
TORCH_ITSELF = 800 * 10**6
#: What kernels take while they run, and gaps that freed memory leaves: parts of what lasts and of activations,
#: fitted to the peaks of seven recipes on a processor, from 0.8 to 1.6 GB; the sum is within 10% of each.
BESIDE_LASTING, BESIDE_ACTIVATIONS = 0.2, 0.5
DEVICE = torch.device("cpu")


def training_memory(recipe: Recipe, image: ImageShape, device: torch.device) -> dict[str, int]:
    """Bytes that training takes at its peak on a device, by purpose, without the images.

    One iteration runs as it always does, each phase once, and a second one with all that the first leaves behind. What
    a GPU's driver and libraries take for themselves comes on top, and there the sum was never measured.
    """
    from torch._subclasses import FakeTensorMode  # a second, for nothing else

    amp = "bf16" if recipe.amp == "fp16" else resolve_amp(recipe.amp, device)  # as large, and a processor knows it
    objective = build_objective(recipe, image)
    with torch.device("meta"):
        networks = {role: build_network(role, recipe, image) for role in objective.roles}
    with FakeTensorMode(), _Ledger() as ledger:
        step = _step(recipe, image, objective, networks, amp)
        _iterate(step)
        lasting = ledger.live
        ledger.peak = lasting
        _iterate(step)
    itself = {"torch itself": TORCH_ITSELF} if device.type == "cpu" else {}
    activations = ledger.peak - lasting
    return {
        **itself,
        "weights and optimizers": lasting,
        "activations": activations,
        "kernels": round(BESIDE_LASTING * lasting + BESIDE_ACTIVATIONS * activations),
    }


def _step(
    recipe: Recipe, image: ImageShape, objective: Objective, networks: dict[str, nn.Module], amp: str
) -> TrainingStep:
    for module in (*networks.values(), *([objective.state] if objective.state else [])):
        _give_memory(module)
    size = min(recipe.batch_size, recipe.micro_batch_size or recipe.batch_size)
    # Repeats of a phase take no more memory than one of it.
    objective = replace(objective, phases=tuple(replace(phase, repeats=1) for phase in objective.phases))
    return TrainingStep(
        objective, networks, make_optimizers(recipe, networks), _Images(size, image, objective.domains),
        _Average(networks["generator"]), Precision(amp, DEVICE), recipe.model.latent_dim,
        image.num_classes if recipe.model.conditional else 0,
        seen=with_diff_augment(networks, recipe.data.diff_augment, make_noise(recipe.objective, DEVICE)),
    )  # fmt: skip


def _iterate(step: TrainingStep) -> None:
    for phase in step.objective.phases:
        step.gradients(phase, step.shown(phase), step.batch(phase, 0))
        step.precision.step(step.optimizers[phase.trains])


def _give_memory(network: nn.Module) -> None:
    """Let a network's tensors, which only have shapes, count as if they lay in a processor's memory."""
    for module in network.modules():
        for name, tensor in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(_alike(tensor), tensor.requires_grad))
        for name, tensor in module.named_buffers(recurse=False):
            setattr(module, name, _alike(tensor))


def _alike(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=DEVICE)


class _Ledger(TorchDispatchMode):
    """Counts the bytes of all tensors that are made inside it: those that live, and the most that ever did."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = operator(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._enter(tensor.untyped_storage())
        return made

    def _enter(self, storage: torch.UntypedStorage) -> None:
        place = storage._cdata
        if place not in self._sizes:
            self._sizes[place] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._leave, place)

    def _leave(self, place: int) -> None:
        self.live -= self._sizes.pop(place)


class _Images:
    """A feed of images that have a shape and nothing else."""

    def __init__(self, batch_size: int, image: ImageShape, sides: int) -> None:
        self.batch_size = batch_size
        beside = (sides,) if sides > 1 else ()
        self._images = (batch_size, *beside, image.channels, image.size, image.size)
        self._labels = (batch_size, *beside)

    def next(self) -> tuple[Tensor, Tensor]:
        return torch.empty(self._images, device=DEVICE), torch.zeros(self._labels, dtype=torch.int64, device=DEVICE)


class _Average:
    """The averaged generator's memory."""

    def __init__(self, network: nn.Module) -> None:
        self.tensors = [torch.empty_like(tensor) for tensor in network.state_dict().values()]
