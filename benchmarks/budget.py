"""Convert a time budget to steps, train for them and score the result."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import common
import torch
from torch import nn

from wgan_cli.data import ImageSet
from wgan_cli.evaluation.evaluate import Reference
from wgan_cli.recipe import Recipe
from wgan_cli.training.build_state import build_state
from wgan_cli.training.divergence import nonfinite
from wgan_cli.training.optim import set_learning_rates
from wgan_cli.training.state import TrainingState

ENDLESS = 10**9  # steps, so that no learning rate falls while the clock runs
LOOK_EVERY = 200  # steps, for numbers that are none
#: Settings, by section and key, that change what a step computes and not how long it takes.
FREE = (
    *((None, key) for key in ("name", "optim", "ema_decay", "seed", "steps", "epochs")),
    *(
        (None, key)
        for key in ("log_every", "sample_every", "sample_grid", "save_every", "eval_every", "eval_count", "best_by")
    ),
    *(("model", "init"), ("objective", "gp_weight")),
)
KEPT = ("fd", "real_baseline", "precision", "recall", "coverage", "class_entropy", "agreement")


def milliseconds_per_step(
    recipes: Sequence[Recipe], dataset: ImageSet, device: torch.device, rounds: int = 10, seconds: float = 0.3
) -> list[float]:
    """Time one step of each recipe in turns and keep the minimum, because noise only adds.

    Recipes whose steps run the same kernels are timed once.
    """
    alike: dict[str, list[int]] = {}
    for index, recipe in enumerate(recipes):
        alike.setdefault(_cost(recipe), []).append(index)
    firsts = [recipes[indices[0]] for indices in alike.values()]
    runs = [_steps_of(build_state(_timed(recipe), dataset, device, tune=False)) for recipe in firsts]
    for run in runs:  # first calls choose kernels and take memory
        common.steps_per_second(run, seconds, device)
    least = [float("inf")] * len(runs)
    for index in common.in_turns(range(len(runs)), rounds):
        least[index] = min(least[index], 1000 / common.steps_per_second(runs[index], seconds, device))
    found = {index: ms for indices, ms in zip(alike.values(), least, strict=True) for index in indices}
    return [common.four_digits(found[index]) for index in range(len(recipes))]


def _cost(recipe: Recipe) -> str:
    values = recipe.as_dict()
    for section, key in FREE:
        (values[section] if section else values).pop(key, None)
    return json.dumps(values, sort_keys=True)


def _timed(recipe: Recipe) -> Recipe:
    return recipe.replaced(steps=ENDLESS, epochs=None, engine="eager", threads=torch.get_num_threads())


def _steps_of(state: TrainingState) -> Callable[[], None]:
    def run() -> None:
        set_learning_rates(state.recipe, state.optimizers, state.step)
        state.engine(state.step)
        state.step += 1

    return run


def trained(recipe: Recipe, dataset: ImageSet, device: torch.device) -> nn.Module | None:
    """Return the EMA generator after all steps, or None if training diverged. Write no file."""
    recipe = recipe.replaced(engine="eager", threads=torch.get_num_threads())
    state = build_state(recipe, dataset, device, tune=False)
    run = _steps_of(state)
    while state.step < recipe.steps:
        run()
        if state.step % LOOK_EVERY == 0 or state.step == recipe.steps:
            sums = state.training_step.metrics.state_dict()["sums"]
            if nonfinite(sums, state.networks, state.optimizers):
                return None
    return state.ema.network


def figures(generator: nn.Module, recipe: Recipe, step: int, reference: Reference) -> dict[str, Any]:
    """Return the scores that results keep, to four digits, and their features.

    rarest: the share of the least frequent class.
    """
    evaluation = reference.evaluate(generator, recipe, step)
    record, classes = evaluation.record(), evaluation.generated.classes
    measured = {name: common.four_digits(record[name]) for name in KEPT if name in record}
    if classes:
        measured["rarest"] = common.four_digits(min(classes.shares))
    return {**measured, "images": reference.count, "features": evaluation.features.name}
