"""Facts of a run, a checkpoint or a recipe, which commands print."""

import math
import shlex
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.networks.conditioning import ConditionalLatent, LabelChannel
from wgan_cli.networks.weights import check_roles, network_with
from wgan_cli.outputs.layer_names import layer_name
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.runs.checkpoint import BestScore, Checkpoint, load_checkpoint
from wgan_cli.runs.listing import state_of
from wgan_cli.runs.metrics_log import loss_terms, read_metrics, scores_of
from wgan_cli.runs.pretrained import Card
from wgan_cli.runs.run_dir import RunDir, open_run

#: Networks of up to these sizes run faster than torch imports what it needs to run networks without memory (a second).
SMALL_NETWORKS, SMALL_IMAGE = 20_000_000, 128 * 128  # parameters, pixels


@dataclass(frozen=True)
class LayerFacts:
    """One layer: dotted name, name in torch.nn, output shape for one image (without batch), number of parameters."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class NetworkFacts:
    """One network, with its layers in execution order. activations: values kept per image for the backward pass."""

    role: str
    layers: tuple[LayerFacts, ...]
    parameters: int
    activations: int


@dataclass(frozen=True)
class RecipeFacts:
    """A recipe before training.

    memory: estimated bytes by purpose, see `training.memory_estimate`. pretrained: card of its bundled generator.
    """

    kind: str
    recipe: dict[str, Any]
    image: ImageShape
    networks: tuple[NetworkFacts, ...]
    memory: dict[str, int] = field(default_factory=dict)
    pretrained: Card | None = None


@dataclass(frozen=True)
class CheckpointFacts:
    """A checkpoint file."""

    kind: str
    path: str
    bytes: int
    checksum: str | None  # verified; None if it carries none
    step: int
    continues: bool  # training can resume from it
    image: ImageShape
    class_names: tuple[str, ...]
    versions: dict[str, str]
    score: BestScore | None  # of the best generator of its run
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
    """A run folder."""

    kind: str
    path: str
    state: str  # as in `wgan runs`, or "stopped early" (out of patience)
    step: int
    steps: int
    kimg: float
    seconds: float
    overhead_seconds: float  # the part of `seconds` spent waiting for logs, grids, checkpoints and evaluations
    rollbacks: int  # after divergence
    thread_changes: int  # next to other processes, trials included
    idle_seconds: float | None  # since the last record
    images_per_second: float | None
    losses: dict[str, float]  # loss terms of the last record
    scores: dict[str, float]  # of the last evaluation
    best: BestFacts | None  # None without a readable G_best.pth
    checkpoints: tuple[str, ...]
    samples: int
    classes: dict[str, int]  # number of training images of each class; {} without classes, and in early runs
    recipe: dict[str, Any]
    initialized_from: dict[str, Any] | None  # path, recipe, step and checksum of the weights that it started from
    changed: tuple[str, ...]  # changes that were allowed when it was resumed: "data at step 500"
    history: tuple[dict[str, Any], ...] = field(repr=False)

    @property
    def rate(self) -> float | None:
        """Images/s over the whole run, without logs, grids, checkpoints and evaluations."""
        seconds = self.seconds - self.overhead_seconds
        return 1000 * self.kimg / seconds if seconds > 0 and self.kimg else None


def inspect_recipe(recipe: Recipe, image: ImageShape) -> RecipeFacts:
    """Return facts of a recipe on images of a shape, without an estimate of memory."""
    return RecipeFacts("recipe", recipe.as_dict(), image, inspect_networks(recipe, image, recipe.objective.roles))


def inspect_checkpoint(path: Path, checkpoint: Checkpoint | None = None) -> CheckpointFacts:
    """Return facts of a checkpoint file after validating all of its content. Raises: WganError.

    Args:
        checkpoint: content of the file, if it isn't a checkpoint of this program.
    """
    checkpoint = checkpoint or load_checkpoint(path)
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
    """Return facts of a run folder, which may be training. Raises: WganError."""
    run = open_run(path)
    recipe = run.read_recipe()
    if recipe.steps is None:
        raise WganError(
            f"{run.recipe_file} sets `epochs`, but a run's own recipe has `steps`",
            f"the file was edited; inspect a checkpoint instead: wgan inspect {shlex.quote(str(run.generator_file))}",
        )
    history = read_metrics(run.metrics_file)
    last = history[-1] if history else {}
    measured = next((record for record in reversed(history) if scores_of(record)), {})
    step, best = max(last.get("step", 0), run.newest_step()), None
    with suppress(WganError):
        found = load_checkpoint(run.best_file)
        best = BestFacts(str(run.best_file), found.step, found.score) if found.score else None
    since = sum(record["step"] > best.step for record in history if scores_of(record)) if best else 0
    state: str = state_of(run, step, recipe.steps)
    if state == "stopped" and recipe.patience is not None and since >= recipe.patience:
        state = "stopped early"
    return RunFacts(
        kind="run",
        path=str(path),
        state=state,
        step=step,
        steps=recipe.steps,
        kimg=last.get("kimg", 0.0),
        seconds=last.get("seconds", 0.0),
        overhead_seconds=last.get("overhead_seconds", 0.0),
        rollbacks=last.get("rollbacks", 0),
        thread_changes=max((record.get("thread_changes", 0) for record in history), default=0),
        idle_seconds=max(0.0, time.time() - run.metrics_file.stat().st_mtime) if history else None,
        images_per_second=last.get("images_per_second"),
        losses=loss_terms(last),
        scores=scores_of(measured),
        best=best,
        checkpoints=tuple(str(file) for file in run.checkpoint_files()),
        samples=len(list(run.samples.glob("step_*.png"))),
        classes=run.read_class_counts(),
        recipe=recipe.as_dict(),
        initialized_from=_origin(run),
        changed=_changes(run),
        history=tuple(history),
    )


def _changes(run: RunDir) -> tuple[str, ...]:
    """Return the changes that were allowed, without those that the run went back before."""
    changed: list[dict[str, Any]] = []
    with suppress(ValueError, AttributeError, KeyError, TypeError):
        for each in run.read_environment().get("resumed", []):
            start = each.get("step", math.inf)  # earlier versions didn't write it
            changed = [change for change in changed if change["step"] <= start]
            changed += [each["changed"]] if "changed" in each else []
        return tuple(f"{', '.join(each['allowed'])} at step {each['step']:,}" for each in changed)
    return ()


def _origin(run: RunDir) -> dict[str, Any] | None:
    origin = run.read_environment().get("initialized_from")
    return origin if isinstance(origin, dict) and {"path", "recipe", "step"} <= origin.keys() else None


def inspect_networks(recipe: Recipe, image: ImageShape, roles: tuple[str, ...]) -> tuple[NetworkFacts, ...]:
    """Return facts of a recipe's networks, from running them on one image, without memory if they are large."""

    def build() -> dict[str, nn.Module]:
        return {role: build_network(role, recipe, image).eval() for role in roles}

    with torch.device("meta"):
        built, inputs = build(), _inputs(recipe, image)
    if sum(map(_parameters, built.values())) <= SMALL_NETWORKS and math.prod(image.size) <= SMALL_IMAGE:
        with torch.random.fork_rng(devices=[]):
            built, inputs = build(), _inputs(recipe, image)
    return tuple(_network(role, network, inputs[role]) for role, network in built.items())


def _inputs(recipe: Recipe, image: ImageShape) -> dict[str, dict[str, Any]]:
    picture = torch.empty(1, image.channels, *image.size)
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

    def note(module: nn.Module, _inputs: Any, output: torch.Tensor, name: str) -> None:
        layers.append(LayerFacts(name, layer_name(module), tuple(output.shape[1:]), _parameters(module)))

    for name, module in network.named_modules():
        # List no parts of other layers, and no wrappers that only add labels.
        whole = is_parametrized(module) or not any(module.children())
        wraps = isinstance(module, ConditionalLatent | LabelChannel)
        if whole and not wraps and "parametrizations" not in name.split("."):
            module.register_forward_hook(partial(note, name=name))
    network(**inputs)
    # An activation function's output takes the place of its layer's, so a layer and its function count once.
    outputs = (torch.Size(layer.output).numel() for layer in layers if layer.parameters)
    activations = next(iter(inputs.values())).numel() + sum(outputs)
    return NetworkFacts(role, tuple(layers), _parameters(network), activations)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
