"""Projection of images into a generator's latent space by optimization (after Karras et al. 2020, section 5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.layers import LatentGenerator
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.latent_space.styles import styles_of, walker
from wgan_cli.outputs.sampling import cycled_labels, generate, images_at_once, sample_latents
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.matmul_precision import float32_matmul
from wgan_cli.utils.pixels import to_unit_range

LR = 0.2  # of Adam, for coordinates in standard deviations
PRIOR = 0.1  # weight of the penalty on coordinates that are larger than those of samples
COARSEST = 8  # pixels of the smallest side that is compared
CANDIDATE_BATCHES = 8
NEAR = 0.1  # errors up to this (pixels from 0 to 1) are never far: the error of a uniform image can be 0


def image_distance(images: Tensor, target: Tensor) -> Tensor:
    """Sum the mean squared differences of two image pyramids, whose levels have half the size each.

    Fine levels compare details, and coarse ones shapes that are near each other without overlapping. Features of the
    critic added to it didn't improve projections of MNIST.

    Args:
        images: (N, C, H, W). target: (1, C, H, W).
    Returns: (N,).
    """
    total = images.new_zeros(len(images))
    while True:
        total = total + (images - target).square().mean((1, 2, 3))
        if min(images.shape[2:]) < 2 * COARSEST:
            return total
        images, target = F.avg_pool2d(images, 2), F.avg_pool2d(target, 2)  # (N, C, H/2, W/2)


def are_far(errors: np.ndarray, images: Tensor) -> np.ndarray:
    """Return for each image whether its projection is no closer than a uniform image of its mean color.

    The error of such a uniform image is the standard deviation of the image. With digits_dcgan, projections of MNIST's
    digits have 0.1 to 0.5 times that, of photos and of inverted digits 1.4 to 5 times.

    Args:
        errors: root mean square errors (N,) of pixels from 0 to 1. images: (N, C, H, W) in [-1, 1].
    Returns: (N,) bool.
    """
    deviations = (images - images.mean((2, 3), keepdim=True)).square().mean((1, 2, 3)).sqrt() / 2  # (N,)
    return errors > np.maximum(deviations.cpu().numpy(), NEAR)


class Projection(NamedTuple):
    """Point whose image is nearest to a target: z (latent_dim,) or w, and its class, if there are any."""

    point: np.ndarray
    label: int | None


@dataclass(frozen=True)
class _Candidates:
    """Random points (N, F) with their images (N, C, H, W), and labels (N,) or None; mean and deviation of points."""

    points: Tensor
    images: Tensor
    labels: Tensor | None
    mean: Tensor
    deviation: Tensor


class Projector:
    """Finds the points of a latent space whose images are nearest to given ones.

    Random samples are compared with the image. Adam then improves the nearest ones and the mean together, and the best
    result counts. The space is w if the generator has styles, with one w per layer (W+) if `per_layer`, else z. Points
    are optimized in standard deviations from the mean, and a mean square above 1 is penalized: further out,
    images get nearer to the target but stop looking like samples.
    """

    def __init__(
        self,
        generator: nn.Module,
        checkpoint: Checkpoint,
        *,
        steps: int = 200,
        starts: int = 8,
        classes: Sequence[int] | None = None,
        per_layer: bool = False,
        seed: int = 0,
    ) -> None:
        """Draw the samples to start from, of `classes` or of all in turn. Raises: WganError without a latent space."""
        if not isinstance(generator, LatentGenerator):
            raise WganError("this generator takes images, so there is no latent space to project into", "give another")
        self.is_styled = isinstance(generator, StyleSpace)
        self.steps, self.starts, self.layers = steps, starts, None
        if per_layer:
            if not self.is_styled:
                problem = f"--per-layer needs a style space, which {checkpoint.recipe.model.name} does not have"
                raise WganError(problem, "remove --per-layer")
            self.layers = cast(StyleSpace, generator).style_layers
        self.network = walker(generator)
        self.device = next(generator.parameters()).device
        self.candidates = self._draw(generator, checkpoint, classes, seed)

    def _draw(
        self, generator: nn.Module, checkpoint: Checkpoint, classes: Sequence[int] | None, seed: int
    ) -> _Candidates:
        batch = images_at_once(checkpoint.image)
        count = max(self.starts, CANDIDATE_BATCHES * batch)
        labels = cycled_labels(checkpoint.recipe, checkpoint.image, count)
        if classes is not None:
            labels = np.resize(np.array(classes, np.int64), count)
        points = sample_latents(checkpoint.recipe.model.latent_dim, count, seed)
        mean, deviation = np.zeros_like(points[0]), np.ones_like(points[0])
        if isinstance(generator, StyleSpace):
            points = styles_of(generator, points, labels)
            mean, deviation = points.mean(0), points.std(0) + 1e-6
        images = torch.cat(list(generate(self.network, points, batch, labels)))
        on_device = (torch.from_numpy(each).to(self.device) for each in (points, mean, deviation))
        points, mean, deviation = on_device
        all_labels = None if labels is None else torch.from_numpy(labels).to(self.device)
        return _Candidates(points, images, all_labels, mean, deviation)

    def project(self, image: Tensor, ticks: Iterator[object]) -> Projection:
        """Project a stored image (C, H, W); `ticks` is advanced at each step."""
        target = to_unit_range(image[None]).to(self.device)  # (1, C, H, W)
        coordinates, labels = self._starts(target)
        adam = torch.optim.Adam([coordinates], LR)
        schedule = torch.optim.lr_scheduler.OneCycleLR(adam, LR, total_steps=self.steps, pct_start=0.25)
        with float32_matmul(self.device, tf32=False), torch.enable_grad():
            for _ in range(self.steps):
                next(ticks)
                adam.zero_grad()
                outside = (coordinates.square().flatten(1).mean(1) - 1).clamp(min=0)  # (starts,)
                (image_distance(self._images(coordinates, labels), target) + PRIOR * outside).sum().backward()
                adam.step()
                schedule.step()
            with torch.no_grad():
                best = int(image_distance(self._images(coordinates, labels), target).argmin())
        point = self._points(coordinates[best].detach()).cpu().numpy()
        return Projection(point, None if labels is None else int(labels[best]))

    @torch.no_grad()
    def _starts(self, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the mean and the nearest candidates, and their classes; the mean gets that of the nearest."""
        all_ = self.candidates
        distances = [
            image_distance(to_unit_range(part.to(self.device)), target)
            for part in all_.images.split(len(all_.images) // CANDIDATE_BATCHES)
        ]
        chosen = torch.cat(distances).argsort()[: self.starts]
        coordinates = (all_.points[chosen] - all_.mean) / all_.deviation  # (starts, F)
        labels = None if all_.labels is None else all_.labels[chosen]
        if self.starts > 1:
            coordinates[-1] = 0
            if labels is not None:
                labels[-1] = labels[0]
        if self.layers is not None:
            coordinates = coordinates[:, None].repeat(1, self.layers, 1)  # (starts, layers, F)
        return coordinates.requires_grad_(), labels

    def _points(self, coordinates: Tensor) -> Tensor:
        return self.candidates.mean + self.candidates.deviation * coordinates

    def _images(self, coordinates: Tensor, labels: Tensor | None) -> Tensor:
        points = self._points(coordinates)
        return self.network(points) if self.is_styled or labels is None else self.network(points, labels)
