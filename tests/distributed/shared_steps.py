"""Train many small recipes for a few steps, alone or as one of several ranks, and save weights and states.

python shared_steps.py FILE     on each rank, with torchrun's environment variables
"""

from __future__ import annotations

import copy
import math
import sys
from pathlib import Path
from unittest.mock import patch

import torch
from helpers.families import OBJECTIVE_SETTINGS, OBJECTIVES, small_model

from wgan_cli.data import ImageSet
from wgan_cli.data.pairs import ImagePair
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.errors import AlreadyReported, EngineUnavailable, WganError
from wgan_cli.networks.sharded_layers import BatchNorm1d
from wgan_cli.recipe import Recipe, recipe_from_dict
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.training.build_state import build_state
from wgan_cli.training.divergence import checked_means
from wgan_cli.training.engines.autotune import autotune
from wgan_cli.training.optim import set_learning_rates
from wgan_cli.training.setup import check_same_on_all_ranks
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.seeds import derived_seed

STEPS, BATCH, SIZE = 5, 8, 8
NARROW = {"channels": [8, 8]}
BATCH_NORMED = {**NARROW, "norm": "batch"}


def _recipe(objective: object, model: dict | None = None, **more: object) -> dict:
    base = {"name": "dcgan", "latent_dim": 4, "generator": BATCH_NORMED, "critic": NARROW}
    return {"objective": objective, "model": {**base, **(model or {})}, **more}


def _critic(**settings: object) -> dict:
    return {"critic": {**NARROW, **settings}}


CLASSES = {"conditional": True, "condition": "projection"}
STYLE = {"name": "style", "latent_dim": 4, "style_dim": 4, "generator": {**NARROW, "mapping_layers": 1}}
#: Recipes by name that differ in their mathematics.
CASES: dict[str, dict] = {
    **{name: _recipe(name, {"conditional": OBJECTIVE_SETTINGS[name].needs_classes}) for name in OBJECTIVES},
    "cyclegan": {
        "objective": {"name": "cyclegan", "pool_size": 12},
        "model": {"name": "translation", "generator": {"channels": 4, "blocks": 1, "halvings": 1}, **_critic()},
        "data": {"a": "digits", "b": {"source": "digits", "transform": "invert"}},
    },
    "around real images": _recipe({"name": "wgan_gp", "gp_points": "real", "gp_sided": "one"}),
    "classes": _recipe("wgan_gp", CLASSES),
    "classifier": _recipe("wgan_gp", {"conditional": True, "condition": "classifier"}),
    "dropout": _recipe("gan", _critic(dropout=0.3)),
    "flipped labels, noise": _recipe({"name": "gan", "label_flip": 0.2, "instance_noise": 0.3}),
    "minibatch spread": _recipe({"name": "gan", "r1_weight": 1.0}, _critic(minibatch_std=True)),
    "minibatch likeness": _recipe("gan", _critic(minibatch_features=3)),
    "augmented": _recipe("gan", data={"diff_augment": ["color", "translation", "cutout"]}),
    "changed images": _recipe("gan", data={"augment": {"mirror": True, "random_crop": 2, "color_jitter": 0.2}}),
    "streamed": _recipe("gan", data={"memory_limit": "1KB"}),
    "spectral norm": _recipe("hinge", _critic(spectral_norm=True)),
    "frozen layers": _recipe("wgan_gp", freeze=1),
    "batch norm in the critic": _recipe("gan", _critic(norm="batch")),
    "style": _recipe(
        {"name": "gan", "r1_weight": 1.0, "gp_every": 4, "path_length_weight": 1.0, "path_length_every": 2},
        {**STYLE, **_critic(minibatch_std=True)},
    ),
    "style of classes": _recipe("gan", {**STYLE, **CLASSES}),
    "layer list": _recipe("gan", small_model("sequential", SIZE)),
    "clipped gradients": _recipe(
        "gan", optim={"generator": {"lr": 1e-3, "clip_norm": 0.5}, "critic": {"lr": 1e-3, "clip_grad_value": 0.01}}
    ),
}  # fmt: skip


def recipe_of(name: str, **changes: object) -> Recipe:
    values = {"batch_size": BATCH, "steps": 100, "amp": "off", "engine": "eager", "ema_decay": 0.9, "threads": 1}
    return recipe_from_dict({**values, **CASES[name], **changes}, "a test")


def images(seed: int = 1) -> ImageSet:
    noise = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (20, 1, SIZE, SIZE), generator=noise, dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(20) % 3, ("a", "b", "c"), "made up")


def data_of(recipe: Recipe) -> ImageSet | ImagePair:
    return ImagePair(images(1), images(2)) if recipe.translates else images()


def in_parts(name: str) -> dict:
    """Return changes of a recipe with which its batches may be split: other norms than batch norm."""
    model = {**CASES[name]["model"]}
    generator = model["generator"]
    if name == "layer list":
        model["generator"] = ["LayerNorm" if layer == "BatchNorm2d" else layer for layer in generator]
    elif generator.get("norm") == "batch":
        model["generator"] = {**generator, "norm": "layer"}
    return {"model": model}


def trained(recipe: Recipe, steps: int = STEPS, start: Checkpoint | None = None) -> TrainingState:
    """Return the state after `steps`, those before a checkpoint included."""
    state = build_state(recipe, data_of(recipe), torch.device("cpu"), tune=False)
    torch.manual_seed(derived_seed(7, "test"))
    if start is not None:
        state.restore(start)
    for step in range(state.step, steps):
        set_learning_rates(recipe, state.optimizers, step)
        state.engine(step)
        state.step += 1
    return state


def everything(state: TrainingState) -> dict:
    """Return weights by role, objective state, terms, random state and data position."""
    state.training_step.metrics.all_reduce()
    training = state.full_checkpoint().training
    return {
        "networks": {role: network.state_dict() for role, network in state.networks.items()},
        "average": state.ema.network.state_dict(),
        "memory": training["memory"],
        "terms": state.training_step.metrics.read()[0],
        "random": training["random"],
        "feed": training["feed"],
    }


def resumed(recipe: Recipe, file: Path) -> TrainingState:
    """Return the state after STEPS, through a checkpoint of the second one, which the main process also saves."""
    halfway = trained(recipe, steps=2)
    checkpoint = copy.deepcopy(halfway.full_checkpoint())
    halfway.training_step.metrics.all_reduce()  # as before each checkpoint of a run
    if torch.distributed.get_rank() == 0:
        halfway.full_checkpoint().save(file)
    return trained(recipe, start=checkpoint)


def far_from_zero() -> torch.Tensor:
    """A batch whose spread is far smaller than its mean."""
    return 100 + 0.01 * torch.randn(16, 3, generator=torch.Generator().manual_seed(0))


def diverged() -> str | None:
    """Return the problem that a rank finds after a weight of the last rank has become NaN."""
    state = trained(recipe_of("wgan_gp"), steps=1)
    if torch.distributed.get_rank() == torch.distributed.get_world_size() - 1:
        next(state.networks["critic"].parameters()).data.fill_(math.nan)
    return checked_means(state)[1]


def autotuned(failing: int | None) -> tuple[str, str, int, float | None]:
    """Autotune as on a GPU, with a clock per rank; return engine, precision, number of steps timed and their seconds.

    Args:
        failing: rank on which the graph engine fails.
    """
    rank, steps = torch.distributed.get_rank(), []

    def build(recipe: Recipe):
        if recipe.engine == "graph" and rank == failing:
            raise EngineUnavailable("no memory")
        seconds = {("eager", "bf16"): 0.03, ("graph", "bf16"): 0.002, ("graph", "off"): 0.001 + 0.004 * rank}
        return lambda step: steps.append(seconds.get((recipe.engine, recipe.amp), 0.05))

    torch.cuda.synchronize = lambda device: None
    recipe = recipe_of("gan", steps=1000, amp="auto", engine="auto", threads=None)
    with patch("wgan_cli.training.engines.autotune.resolve_amp", lambda amp, device: "bf16"):
        tuned = autotune(recipe, torch.device("cuda"), build, clock=lambda: sum(steps))
    return tuned.recipe.engine, tuned.recipe.amp, len(steps), tuned.step_seconds


if __name__ == "__main__":
    from wgan_cli.distributed import process_group

    torch.set_num_threads(1)
    process_group.init(lambda error: sys.exit(error.message))
    left_behind = Path(f"{sys.argv[1]}.left")
    with process_group.main_process_first("a file"):
        assert process_group.is_main_process() is not left_behind.exists()
        left_behind.touch()
    results: dict[str, object] = {name: everything(trained(recipe_of(name))) for name in CASES}
    results["resumed"] = everything(resumed(recipe_of("wgan_gp"), Path(f"{sys.argv[1]}.pth")))
    results["in parts"] = everything(trained(recipe_of("wgan_gp", **in_parts("wgan_gp"), micro_batch_size=2)))
    results["normalized"] = BatchNorm1d(3)(current_shard().local(far_from_zero())).detach()
    results["diverged"] = diverged()
    results["autotuned"] = [autotuned(failing) for failing in (None, 1)]
    results["claimed"] = process_group.claim_message("an error of both ranks")
    try:
        process_group.broadcast_from_main("a failure", lambda: 1 / 0)
    except (ZeroDivisionError, AlreadyReported) as error:
        results["raised"] = type(error).__name__
    try:
        with process_group.main_process_first("bad data"):
            raise WganError("only the main process gets here", "")
    except (WganError, AlreadyReported) as error:
        results["first"] = type(error).__name__, int(error.status)
    check_same_on_all_ranks(images())
    try:
        check_same_on_all_ranks(images(seed=torch.distributed.get_rank()))
    except WganError as error:
        results["refused"] = error.message
    torch.save(results, f"{sys.argv[1]}.{torch.distributed.get_rank()}")
    process_group.destroy()
