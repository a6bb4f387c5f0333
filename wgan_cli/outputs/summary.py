"""What is inside a run, a checkpoint or a recipe, as facts; commands print them."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.networks.conditioning import ConditionalLatent, LabelChannel
from wgan_cli.networks.weights import check_roles, network_with
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.runs.checkpoint import BestScore, Checkpoint, load_checkpoint
from wgan_cli.runs.lock import trainer_of
from wgan_cli.runs.metrics_log import loss_terms, read_metrics, scores_of
from wgan_cli.runs.run_dir import RunDir, open_run


@dataclass(frozen=True)
class LayerFacts:
    """One layer: its dotted name, kind, output shape for one image without the batch, and number of parameters."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class NetworkFacts:
    """One network: its layers in the order in which they run. activations: numbers kept for one image to train it."""

    role: str
    layers: tuple[LayerFacts, ...]
    parameters: int
    activations: int


@dataclass(frozen=True)
class RecipeFacts:
    """A recipe before any training. memory: estimated bytes by purpose, see `training.memory_estimate`."""

    kind: str
    recipe: dict[str, Any]
    image: ImageShape
    networks: tuple[NetworkFacts, ...]
    memory: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckpointFacts:
    """A checkpoint file. checksum: carried and found right, or None; continues: whether a run can go on from it.

    score: why it is the best of its run, or None.
    """

    kind: str
    path: str
    bytes: int
    checksum: str | None
    step: int
    continues: bool
    image: ImageShape
    class_names: tuple[str, ...]
    versions: dict[str, str]
    score: BestScore | None
    recipe: dict[str, Any]
    networks: tuple[NetworkFacts, ...]


@dataclass(frozen=True)
class BestFacts:
    """The best generator of a run: its file, step, and score."""

    path: str
    step: int
    score: BestScore


@dataclass(frozen=True)
class RunFacts:
    """A run folder. state: "finished", "training" (at this moment), "stopped early" (out of patience), "unfinished".

    idle_seconds: since the last record. losses: its terms. overhead_seconds: of `seconds`, in logs, grids, checkpoints
    and evaluations. rollbacks: how often it diverged and went back. scores: of the last evaluation. best: None where
    there is no G_best.pth that can be read.
    """

    kind: str
    path: str
    state: str
    step: int
    steps: int
    kimg: float
    seconds: float
    overhead_seconds: float
    rollbacks: int
    idle_seconds: float | None
    images_per_second: float | None
    losses: dict[str, float]
    scores: dict[str, float]
    best: BestFacts | None
    checkpoints: tuple[str, ...]
    samples: int
    recipe: dict[str, Any]
    history: tuple[dict[str, Any], ...] = field(repr=False)


def inspect_recipe(recipe: Recipe, image: ImageShape) -> RecipeFacts:
    """Return facts of a recipe on images of a shape, without an estimate of memory."""
    networks = inspect_networks(recipe, image, recipe.objective.roles)
    return RecipeFacts("recipe", recipe.as_dict(), image, networks)


def inspect_checkpoint(path: Path) -> CheckpointFacts:
    """Facts of a checkpoint file, after checking all that it holds.

    Raises: WganError where it is damaged, or its weights do not fit its recipe.
    """
    checkpoint: Checkpoint = load_checkpoint(path)
    check_roles(checkpoint.networks, checkpoint.recipe, str(path))
    for role, weights in checkpoint.networks.items():
        network_with(role, checkpoint.recipe, checkpoint.image, weights, str(path))
    return CheckpointFacts(
        kind="checkpoint",
        path=str(path),
        bytes=path.stat().st_size,
        checksum=checkpoint.checksum,
        step=checkpoint.step,
        continues=checkpoint.training is not None,
        image=checkpoint.image,
        class_names=checkpoint.class_names,
        versions=checkpoint.versions,
        score=checkpoint.score,
        recipe=checkpoint.recipe.as_dict(),
        networks=inspect_networks(checkpoint.recipe, checkpoint.image, tuple(checkpoint.networks)),
    )


def inspect_run(path: Path) -> RunFacts:
    """Facts of a run folder, also while it trains."""
    run = open_run(path)
    recipe = run.read_recipe()
    if recipe.steps is None:
        raise WganError(
            f"{run.recipe_file} sets `epochs`, and a run's own recipe says its length in `steps`",
            "somebody changed it; a checkpoint of the run still knows: wgan inspect the newest of its checkpoints/",
        )
    history = read_metrics(run.metrics_file)
    last = history[-1] if history else {}
    measured = next((record for record in reversed(history) if scores_of(record)), {})
    step, best = last.get("step", 0), _best(run)
    return RunFacts(
        kind="run",
        path=str(path),
        state="training" if trainer_of(run) is not None else _how_it_ended(recipe, history, best),
        step=step,
        steps=recipe.steps,
        kimg=last.get("kimg", 0.0),
        seconds=last.get("seconds", 0.0),
        overhead_seconds=last.get("overhead_seconds", 0.0),
        rollbacks=last.get("rollbacks", 0),
        idle_seconds=max(0.0, time.time() - run.metrics_file.stat().st_mtime) if history else None,
        images_per_second=last.get("images_per_second"),
        losses=loss_terms(last),
        scores=scores_of(measured),
        best=best,
        checkpoints=tuple(str(file) for file in run.checkpoint_files()),
        samples=len(list(run.samples.glob("step_*.png"))),
        recipe=recipe.as_dict(),
        history=tuple(history),
    )


def _how_it_ended(recipe: Recipe, history: list[dict[str, Any]], best: BestFacts | None) -> str:
    if history and history[-1].get("step", 0) >= recipe.steps:
        return "finished"
    measured = [record["step"] for record in history if scores_of(record)]
    since = sum(step > best.step for step in measured) if best else 0
    return "stopped early" if recipe.patience is not None and since >= recipe.patience else "unfinished"


def _best(run: RunDir) -> BestFacts | None:
    with suppress(WganError):
        found = load_checkpoint(run.best_file)
        return None if found.score is None else BestFacts(str(run.best_file), found.step, found.score)
    return None


def inspect_networks(recipe: Recipe, image: ImageShape, roles: tuple[str, ...]) -> tuple[NetworkFacts, ...]:
    """Return facts of a recipe's networks, which are built without memory for their weights."""
    with torch.device("meta"):
        built = {role: build_network(role, recipe, image).eval() for role in roles}
        inputs = _inputs(recipe, image)
    return tuple(_network(role, network, inputs[role]) for role, network in built.items())


def _inputs(recipe: Recipe, image: ImageShape) -> dict[str, dict[str, Any]]:
    """What each role's network takes of one image."""
    picture = torch.empty(1, image.channels, image.size, image.size)
    if recipe.translates:
        return dict.fromkeys(recipe.objective.roles, {"a": picture, "b": picture})
    label = torch.zeros(1, dtype=torch.int64) if recipe.model.conditional else None
    return {
        "generator": {"z": torch.empty(1, recipe.model.latent_dim), "labels": label},
        "critic": {"images": picture, "labels": label, "classify": recipe.model.shows_critic("classifier")},
        "encoder": {"images": picture, "labels": label},
        "classifier": {"images": picture},
    }


@torch.no_grad()
def _network(role: str, network: nn.Module, inputs: dict[str, Any]) -> NetworkFacts:
    layers: list[LayerFacts] = []

    def note(name: str, module: nn.Module):
        def hook(_module, _inputs, output: torch.Tensor) -> None:
            count = sum(parameter.numel() for parameter in module.parameters())
            kind = type_before_parametrizations(module).__name__
            layers.append(LayerFacts(name, kind, tuple(output.shape[1:]), count))

        return hook

    for name, module in network.named_modules():
        if _is_layer(name, module):
            module.register_forward_hook(note(name, module))
    network(**inputs)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    # An activation function's output takes the place of its layer's, so a layer and its function count once.
    outputs = (torch.Size(layer.output).numel() for layer in layers if layer.parameters)
    activations = next(iter(inputs.values())).numel() + sum(outputs)
    return NetworkFacts(role, tuple(layers), parameters, activations)


def _is_layer(name: str, module: nn.Module) -> bool:
    """Whether a module is one of the layers that are listed: not a part of one, nor what only joins labels to it."""
    whole = is_parametrized(module) or not any(module.children())
    return (
        whole and "parametrizations" not in name.split(".") and not isinstance(module, ConditionalLatent | LabelChannel)
    )
