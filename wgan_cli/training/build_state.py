"""Build a run at step 0 from its recipe and data."""

import copy
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from wgan_cli.data.augmentation import make_augment
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loaders.loader import Loader
from wgan_cli.data.loaders.make_loader import make_loader
from wgan_cli.data.pairs import ImagePair
from wgan_cli.distributed.batch_shard import current_shard, set_shard
from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.networks.transfer import ImageKind
from wgan_cli.objectives import Objective, build_objective
from wgan_cli.objectives.diff_augment import augment_critic
from wgan_cli.objectives.instance_noise import make_noise
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.engines.autotune import autotune
from wgan_cli.training.engines.select import Engine, make_engine
from wgan_cli.training.finetuning.initial_weights import InitialWeights
from wgan_cli.training.finetuning.start import load_weights, start_average
from wgan_cli.training.grad_accumulation import accumulation_steps
from wgan_cli.training.memory_estimate import check_memory, out_of_memory_hint
from wgan_cli.training.numerics.amp import Precision, set_deterministic
from wgan_cli.training.optim import clip_functions, make_optimizers
from wgan_cli.training.sample_grid import LatentGrid, TranslationGrid
from wgan_cli.training.state import TrainingState, images_before
from wgan_cli.training.step import TrainingStep
from wgan_cli.utils.format import Log, no_log
from wgan_cli.utils.machine import release_memory
from wgan_cli.utils.seeds import derived_seed


def build_state(
    recipe: Recipe,
    dataset: ImageSet | ImagePair,
    device: torch.device,
    *,
    tune: bool = True,
    log: Log = no_log,
    source: InitialWeights | None = None,
    resumed: Checkpoint | None = None,
) -> TrainingState:
    """Build a run at step 0, and resolve its recipe: number of steps, threads, precision and engine.

    Changes process-wide settings: the number of threads, deterministic algorithms, RNG states and the batch shard.

    Args:
        tune: time the open settings of a long run; otherwise they get their defaults.
        log: receives messages about what takes long.
        source: weights to start from instead of random ones.
        resumed: checkpoint that the caller restores; a number of epochs includes what it has trained.
    Raises: WganError if recipe, data and device don't fit together.
    """
    set_shard(replace(current_shard(), sync_batch_norm=recipe.sync_batch_norm))
    image = dataset.shape
    objective = build_objective(recipe, image)
    accumulation = accumulation_steps(recipe, objective)
    recipe = _resolved(recipe, dataset, objective, resumed)
    if device.type == "cuda":
        release_memory()  # of an earlier training in this process
    check_memory(recipe, image, device)
    set_deterministic(recipe.deterministic, device)

    torch.manual_seed(derived_seed(recipe.seed, "weights"))
    networks = {role: build_network(role, recipe, image).to(device) for role in objective.roles}
    kind = ImageKind(recipe, image, dataset.class_names)
    transfers = load_weights(networks, kind, source) if source else ()
    objective_state = (objective.state or nn.Module()).to(device)
    loader = make_loader(dataset, recipe.data, recipe.batch_size, recipe.seed, device)
    make_step = partial(_make_step, objective, loader, dataset, device, accumulation)

    def disposable_engine(recipe: Recipe) -> Engine:
        return make_engine(recipe.engine, make_step(recipe, copy.deepcopy(networks)), verify=True)

    loader_start, objective_start = loader.state_dict(), copy.deepcopy(objective_state.state_dict())
    with out_of_memory_hint(recipe, device):
        tuned = autotune(recipe, device, disposable_engine, timed=tune, log=log)
        if accumulation > 1:  # fails now if a loss needs the whole batch
            make_step(tuned.recipe, copy.deepcopy(networks))(0)
    loader.load_state_dict(loader_start)
    objective_state.load_state_dict(objective_start)

    torch.manual_seed(derived_seed(recipe.seed, "noise"))
    training_step = make_step(tuned.recipe, networks)
    if source:
        start_average(training_step.ema, kind, source)
    grid = TranslationGrid(recipe, dataset) if isinstance(dataset, ImagePair) else LatentGrid(recipe, image)
    return TrainingState(
        recipe=tuned.recipe,
        image=image,
        class_names=dataset.class_names,
        training_step=training_step,
        engine=make_engine(tuned.recipe.engine, training_step),
        sample_grid=grid,
        data_fingerprint=dataset.fingerprint,
        autotune_summary=tuned.summary,
        step_seconds=tuned.step_seconds,
        transfers=transfers,
    )


def _resolved(
    recipe: Recipe, dataset: ImageSet | ImagePair, objective: Objective, resumed: Checkpoint | None
) -> Recipe:
    """Return the recipe with what follows from the data, and steps instead of epochs.

    Raises: WganError for too many steps.
    """
    recipe = recipe.with_diff_augment(len(dataset))
    value_range: Any = dataset.value_range  # a pair has one for each side
    data = recipe.data.with_range(value_range).with_preview(dataset.preview_channels)
    recipe = recipe if data == recipe.data else recipe.replaced(data=data)
    images, images_per_step = len(dataset), objective.images_per_iteration(recipe.batch_size)
    before = images_before(resumed, images_per_step) if resumed else 0
    try:
        return recipe.in_steps(images, images_per_step, before)
    except ValidationError:
        steps = round((recipe.epochs or 0.0) * images / images_per_step)
        raise WganError(
            f"`epochs` is {recipe.epochs:g}, which is {steps:,} steps; the maximum is {MOST_STEPS:,}",
            "use fewer `epochs`, or set `steps` instead",
        ) from None


def _make_step(
    objective: Objective,
    loader: Loader,
    dataset: ImageSet | ImagePair,
    device: torch.device,
    accumulation: int,
    recipe: Recipe,
    networks: dict[str, nn.Module],
) -> TrainingStep:
    image, bands, noise = dataset.shape, dataset.bands, make_noise(recipe.objective, device)
    return TrainingStep(
        objective=objective,
        networks=networks,
        optimizers=make_optimizers(recipe, networks),
        loader=loader,
        ema=ExponentialMovingAverage(networks["generator"], recipe.ema_decay),
        precision=Precision(recipe.amp, device, recipe.tf32),
        latent_dim=recipe.model.latent_dim,
        num_classes=image.num_classes if recipe.model.conditional else 0,
        augment=make_augment(recipe.data, image, bands),
        loss_networks=augment_critic(networks, recipe.data.diff_augment, noise, bands),
        clip=clip_functions(recipe, networks),
        accumulation_steps=accumulation,
    )
