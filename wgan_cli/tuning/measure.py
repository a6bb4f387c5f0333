"""Measurements before a search: seconds of a step of each candidate, and what a training takes besides its steps."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.pairs import ImagePair
from wgan_cli.errors import ExitStatus, Stopped, WganError
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.schema import FREE_ON_RESUME
from wgan_cli.training.build_state import build_state
from wgan_cli.training.callback import Callback
from wgan_cli.training.engines.autotune import MIN_STEPS, StepTimer
from wgan_cli.training.engines.select import Engine
from wgan_cli.training.memory_estimate import out_of_memory_hint
from wgan_cli.training.process_state import restored_process_state
from wgan_cli.training.trainer import Trainer
from wgan_cli.utils.format import Log, no_log
from wgan_cli.utils.machine import release_memory

IN_TURNS = 4  # candidates on a CPU at once, so that a busy machine slows down all of them
ROUNDS = 10  # in which they are timed in turns


class Rehearsal(NamedTuple):
    """Result of a training of one step: its data, device, and duration without the first start."""

    dataset: ImageSet | ImagePair
    device: torch.device
    seconds: float


class _Loading(Callback):
    """Passes on messages while a trainer loads its data; those of training say nothing new."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def on_message(self, text: str) -> None:
        self.log(text)


def rehearse(recipe: Recipe, data_root: Path | None, device: str, log: Log) -> Rehearsal:
    """Train one step in a temporary folder and evaluate it, twice: the first time may download data and fill caches.

    Raises: what a training raises, and Stopped at a signal.
    """
    short = recipe.replaced(steps=1, epochs=None, eval_every=1, patience=None, report=False)
    _train(short, data_root, device, log)
    start = time.perf_counter()
    trainer = _train(short, data_root, device, no_log)
    return Rehearsal(trainer.dataset, trainer.state.device, time.perf_counter() - start)


def _train(recipe: Recipe, data_root: Path | None, device: str, log: Log) -> Trainer:
    loading = _Loading(log)
    with tempfile.TemporaryDirectory() as folder, restored_process_state():
        trainer = Trainer(recipe, Path(folder) / "run", data_root=data_root, device=device, callbacks=[loading])
        loading.log = no_log
        trainer.fit()
    if trainer.status != ExitStatus.DONE:
        raise Stopped(trainer.status)
    return trainer


class Timed(NamedTuple):
    """A recipe with the fastest threads, precision and engine, and the seconds of a step."""

    recipe: Recipe
    step_seconds: float


def with_step_times(recipes: Sequence[Recipe], names: Sequence[str], rehearsal: Rehearsal) -> list[Timed]:
    """Autotune and time the recipes; those whose steps run the same kernels once.

    Args:
        names: what errors call the recipes.
    """
    costs = [_cost(recipe) for recipe in recipes]
    first: dict[str, tuple[str, Recipe]] = {}
    for recipe, name, cost in zip(recipes, names, costs, strict=True):
        first.setdefault(cost, (name, recipe))
    # On a GPU each has the memory to itself, as in training: two loaders would keep the images there twice.
    size, candidates = IN_TURNS if rehearsal.device.type == "cpu" else 1, list(first.values())
    timed: list[Timed] = []
    with restored_process_state():
        for start in range(0, len(candidates), size):
            release_memory()
            timed += _time_in_turns(candidates[start : start + size], rehearsal)
    by_cost = dict(zip(first, timed, strict=True))
    return [_as_tuned(recipe, by_cost[cost]) for recipe, cost in zip(recipes, costs, strict=True)]


def _time_in_turns(candidates: Sequence[tuple[str, Recipe]], rehearsal: Rehearsal) -> list[Timed]:
    """Autotune named recipes, and time their steps; the minimum over all rounds counts, since other load only adds."""
    engines: dict[Recipe, Engine] = {}
    resolved: list[Recipe] = []  # those of two candidates may be equal
    timer = StepTimer(rehearsal.device, engines.__getitem__)
    with ExitStack() as loaders:
        for name, recipe in candidates:
            with _named(name, recipe, rehearsal.device):
                timed = recipe.replaced(steps=MIN_STEPS, epochs=None)  # fewer are not autotuned
                state = build_state(timed, rehearsal.dataset, rehearsal.device)
                loaders.enter_context(closing(state.loader))
            engines[state.recipe] = state.engine
            resolved.append(state.recipe)
        for _ in range(ROUNDS):
            for (name, recipe), tuned in zip(candidates, resolved, strict=True):
                with _named(name, recipe, rehearsal.device):
                    timer.time(tuned)
    return [Timed(tuned, timer.seconds[tuned]) for tuned in resolved]


@contextmanager
def _named(name: str, recipe: Recipe, device: torch.device) -> Iterator[None]:
    try:
        with out_of_memory_hint(recipe, device):
            yield
    except WganError as error:
        raise WganError(f"--try {name}: {error.message}", error.hint, error.status) from error


def _as_tuned(recipe: Recipe, like: Timed) -> Timed:
    chosen = {name: getattr(like.recipe, name) for name in ("threads", "amp", "engine")}
    return Timed(recipe.replaced(**chosen), like.step_seconds)


def _cost(recipe: Recipe) -> str:
    """Return equal text for recipes whose steps run the same kernels: they differ in nonzero fractions at most.

    Learning rates, weights of losses and decays are fractions; sizes and counts are whole numbers.
    """

    def without_fractions(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_fractions(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [without_fractions(inner) for inner in value]
        return value != 0 if isinstance(value, float) else value

    values = {key: value for key, value in recipe.as_dict().items() if key not in FREE_ON_RESUME | {"seed"}}
    return json.dumps(without_fractions(values), sort_keys=True)
