"""Subjects of `wgan evaluate`: a generator, or files of generated images."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wgan_cli.console import data, print_message
from wgan_cli.evaluation.evaluate import MAX_IMAGES
from wgan_cli.evaluation.features import Features, make_features
from wgan_cli.evaluation.generated_images import images_to_evaluate
from wgan_cli.evaluation.image_files import GeneratedFiles, labels_among
from wgan_cli.evaluation.metrics import NOT_OF_FILES, Missing, not_of_generator
from wgan_cli.evaluation.real_images import RealImages, real_images, training_images
from wgan_cli.outputs.reconstruct import has_encoder
from wgan_cli.outputs.sampling import generate, images_at_once, sample_latents
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.pretrained import source_title


@dataclass(frozen=True)
class Subject(ABC):
    """Images to evaluate, and their options. count: number of images; None leaves the choice to each metric."""

    source: Path
    data_root: Path
    device: torch.device
    count: int | None
    as_json: bool

    @property
    @abstractmethod
    def heading(self) -> tuple[str, str]:
        """First row of each table: kind and name of the subject."""

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Fields that identify the subject in JSON."""

    @property
    @abstractmethod
    def step(self) -> int | None:
        """Training step, if it is known."""

    @property
    @abstractmethod
    def data(self) -> DataSettings:
        """Settings of the real images."""

    @property
    @abstractmethod
    def missing(self) -> Mapping[str, Missing]:
        """Metrics that don't apply to it, with what they need."""

    @property
    def own_count(self) -> int | None:
        """Number of images for wgan's own metrics; by default as many as are held out."""
        return self.count

    @abstractmethod
    def load_real(self) -> RealImages:
        """Load the real images."""

    @abstractmethod
    def sample(self, count: int) -> tuple[Tensor, Tensor | None]:
        """Return at most `count` images (N, C, H, W), stored as the real ones, and their labels (N,) or None."""

    @cached_property
    def real(self) -> RealImages:
        """Real images, loaded on first use."""
        return self.load_real()

    @cached_property
    def features(self) -> Features:
        """Feature extractor; its classifier may have to be trained, so it is created once, on first use."""
        return make_features(self.real, self.data.source, self.data_root, self.device, print_message)

    def print_json(self, result: dict[str, Any]) -> None:
        """Print `facts` and the result as one JSON object."""
        data().print(json.dumps({**self.facts, **result}), soft_wrap=True)


@dataclass(frozen=True)
class GeneratorSubject(Subject):
    """A generator, compared with the images it was trained on."""

    generator: nn.Module
    checkpoint: Checkpoint
    recipe: Recipe
    seed: int
    batch: int | None

    @property
    def heading(self) -> tuple[str, str]:
        return "checkpoint", f"{source_title(self.source)}: {self.checkpoint.source}, seed {self.seed}"

    @property
    def facts(self) -> dict[str, Any]:
        return {"checkpoint": str(self.source), "recipe": self.recipe.name, "step": self.step, "seed": self.seed}

    @property
    def step(self) -> int:
        return self.checkpoint.step

    @property
    def data(self) -> DataSettings:
        assert isinstance(self.recipe.data, DataSettings)
        return self.recipe.data

    @property
    def missing(self) -> Mapping[str, Missing]:
        return not_of_generator(self.recipe.model.conditional, has_encoder(self.checkpoint))

    def load_real(self) -> RealImages:
        dataset = training_images(self.recipe, self.checkpoint, str(self.source), self.data_root, print_message)
        return real_images(self.data, self.data_root, print_message, dataset)

    def sample(self, count: int) -> tuple[Tensor, Tensor | None]:
        z = sample_latents(self.recipe.model.latent_dim, count, self.seed)
        return images_to_evaluate(self.generator, self.recipe, self.real.training, z, self.batch)

    def sample_of(self, labels: Tensor) -> Tensor:
        """Generate images of classes."""
        z, batch = sample_latents(self.recipe.model.latent_dim, len(labels), self.seed), self.batch
        batch = batch or images_at_once(self.checkpoint.image)
        dtype = self.real.training.dataset.images.dtype
        return torch.cat(list(generate(self.generator, z, batch, labels.numpy(), dtype)))


@dataclass(frozen=True)
class FilesSubject(Subject):
    """Images of any program, compared with real images of the user's choice."""

    files: GeneratedFiles
    against: str

    @property
    def heading(self) -> tuple[str, str]:
        return "images", str(self.source)

    @property
    def facts(self) -> dict[str, Any]:
        return {"images": str(self.source), "against": self.against}

    @property
    def step(self) -> None:
        return None

    @property
    def data(self) -> DataSettings:
        return self.files.data

    @property
    def missing(self) -> Mapping[str, Missing]:
        return NOT_OF_FILES

    @cached_property
    def own_count(self) -> int:
        """As many as a generator would make, or all: scores of different numbers of images don't compare."""
        count = self.count or min(MAX_IMAGES, self.files.count, len(self.real.held_out))
        if count < self.files.count and self.count is None:
            print_message(f"note: using {count:,} of {self.files.count:,} images; -n {self.files.count} uses all")
        return count

    def load_real(self) -> RealImages:
        return replace(real_images(self.data, self.data_root, print_message), seen=None)

    def sample(self, count: int) -> tuple[Tensor, Tensor | None]:
        """Return the first `count` images, of each class in turn; the labels of unknown classes are None."""
        like = self.real.training.dataset
        found = self.files.load(min(count, self.files.count), like, self.data_root, print_message)
        labels = labels_among(found, self.features.class_names)
        assert isinstance(found.images, Tensor)
        return found.images, labels
