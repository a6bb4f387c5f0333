"""The conditional generator of `wgan augment`, and the images that it is for."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from wgan_cli.cli.arguments.image_arguments import SKIP, described, facts_of, other_images
from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import open_checkpoint
from wgan_cli.cli.arguments.training_target import CONDITIONAL, data_to_compare, suggested_recipe
from wgan_cli.cli.render.progress import make_progress
from wgan_cli.cli.render.train_report import plan
from wgan_cli.cli.sampling.given_images import like_training
from wgan_cli.console import print_message
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loading import load_images
from wgan_cli.errors import Stopped, WganError
from wgan_cli.evaluation.balancing import missing_images
from wgan_cli.evaluation.real_images import RealImages, Selection, real_images
from wgan_cli.outputs.sampling import generate, generator_of, images_at_once, open_generator
from wgan_cli.recipe import load_recipe
from wgan_cli.recipe.data_settings import NAMED, DataSettings
from wgan_cli.recipe.recipe_files import DATA_RECIPES
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.training.trainer import Trainer
from wgan_cli.utils.class_names import spelled_like
from wgan_cli.utils.seeds import latent_vectors

#: Settings that --set can't change with --ckpt. A run doesn't know `transform`: its images are transformed already.
_CHOICE = ("classes", "labels", "split", "limit", "test_path", "transform")


@dataclass(frozen=True)
class ClassGenerator:
    """A conditional generator, and images of its classes.

    dataset: all images to fill up. wanted: how many each class lacks (K,).
    real: those that a classifier may learn from, and those that are held out.
    """

    generator: nn.Module
    checkpoint: Checkpoint
    data: DataSettings
    dataset: ImageSet
    wanted: Tensor
    real: RealImages
    seed: int

    def __call__(self, labels: Tensor, first: int) -> Tensor:
        """Generate images for labels (N,) of the data set: number `first` of the seed and those after it."""
        z = latent_vectors(self.seed, range(first, first + len(labels)), self.checkpoint.recipe.model.latent_dim)
        names = self.checkpoint.class_names
        own = torch.tensor([names.index(name) for name in self.dataset.class_names])[labels].numpy()
        dtype, batch = self.dataset.images.dtype, images_at_once(self.checkpoint.image)
        return torch.cat(list(generate(self.generator, z, batch, own, dtype)))


def given_generator(
    ckpt: Path, images: str, per_class: int | None, seed: int, root: Path, device: torch.device
) -> ClassGenerator:
    """Load a generator, and images as it makes them.

    Raises: WganError if it doesn't know their classes, or none of these lacks images.
    """
    path = locate(ckpt)
    checkpoint = open_checkpoint(path, None)
    if not checkpoint.recipe.model.conditional:
        raise WganError(
            f"{ckpt} is not a conditional generator", f"leave out --ckpt, or train it with --set {CONDITIONAL}"
        )
    data = like_training(data_to_compare(images, [] if images in NAMED else [f"data.{SKIP}"]), checkpoint)
    dataset, wanted = _load(data, root, per_class)
    dataset = replace(dataset, class_names=spelled_like(dataset.class_names, checkpoint.class_names))
    if unknown := [name for name in dataset.class_names if name not in checkpoint.class_names]:
        raise WganError(
            f"{ckpt} does not know the class {unknown[0]} of {images}", "leave out --ckpt to train one that does"
        )
    generator = generator_of(checkpoint, str(path), device)
    real = real_images(data, root, print_message, dataset, by_class=True)
    return ClassGenerator(generator, checkpoint, data, dataset, wanted, real, seed)


def trained_generator(
    images: str,
    again: Sequence[str],
    per_class: int | None,
    recipe: str | None,
    settings: Sequence[str],
    minutes: float | None,
    seed: int,
    root: Path,
    device: str,
) -> ClassGenerator:
    """Train a generator on images without the held-out ones, into a run folder of its own.

    Args:
        again: command that only lacks the generator, printed if a signal ends the training.

    Raises: WganError, before training, for images without classes and if no class lacks any. Stopped after a signal.
    """
    name, location = _recipe_for(images, recipe, device, settings)
    chosen = load_recipe(name, [*location, CONDITIONAL, *settings])
    data = chosen.data
    if not isinstance(data, DataSettings):
        raise WganError(f"{name} translates images", "choose a recipe that learns classes, such as folder_dcgan")
    if not chosen.model.conditional:
        problem = f"{name} doesn't learn classes with these settings (`model.conditional` is false)"
        raise WganError(problem, f"make --set {CONDITIONAL} the last setting, or leave out `model` settings")
    dataset, wanted = _load(data, root, per_class)
    real = real_images(data, root, print_message, dataset, by_class=True)
    part = _only(real.training) if real.seen else None
    if part is not None:  # its images are selected and transformed already
        done = {"classes": None, "limit": None, "transform": None}
        chosen = chosen.replaced(data=data.model_copy(update=done))
    trainer = Trainer(chosen, images=part, data_root=root, device=device, callbacks=[make_progress(False, minutes)])
    trainer.log(plan(trainer.state, trainer.dataset.origin, trainer.dataset.class_counts, minutes))
    run = trainer.fit(minutes, command=shlex.join(["wgan", *sys.argv[1:]]))
    if trainer.status:
        trainer.log(f"stopped at step {trainer.state.step:,} of {trainer.state.steps:,}; everything is saved")
        if all(getattr(data, name) == DataSettings.model_fields[name].default for name in _CHOICE):
            command = shlex.join([*again, "--ckpt", str(run.path)])
            trainer.log(f"fill the classes with this generator: {command}")
        raise Stopped(trainer.status)
    generator, checkpoint = open_generator(run.path, trainer.state.device)
    return ClassGenerator(generator, checkpoint, data, dataset, wanted, replace(real, seen=False), seed)


def _only(chosen: Selection) -> ImageSet:
    images = chosen.dataset.images.index_select(0, chosen.indices)
    return replace(chosen.dataset, images=images, labels=chosen.labels, origin=chosen.name)


def _recipe_for(images: str, recipe: str | None, device: str, changes: Sequence[str]) -> tuple[str, list[str]]:
    """Return the recipe to train, and the settings that train it on these images; say which one is chosen for them."""
    if recipe is not None:
        return recipe, other_images(recipe, [images])
    facts = None
    if images in NAMED:
        chosen = DATA_RECIPES[images]
        settings = other_images(chosen, [images])
    else:
        from wgan_cli.runs.environment import resolve_device

        facts = facts_of([images], changes)
        chosen, settings = suggested_recipe([images], facts, resolve_device(device).type == "cuda")
    print_message(f"{described([images], facts)}: the recipe is {chosen}; another one: --recipe NAME")
    return chosen, settings


def _load(data: DataSettings, root: Path, per_class: int | None) -> tuple[ImageSet, Tensor]:
    """Load the images, and count how many each class lacks: (K,). Raises: WganError if there is nothing to fill."""
    dataset = load_images(data, root, print_message, print_message)
    if len(dataset.class_names) < 2:
        raise WganError(f"{dataset.origin} has no classes to fill", "put the images of each class into a subfolder")
    wanted = missing_images(dataset, per_class)
    if not wanted.any():
        raise WganError(f"all classes of {dataset.origin} are full", "ask for more images with --per-class")
    return dataset, wanted
