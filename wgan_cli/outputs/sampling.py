"""From a checkpoint to images: the same image for the same seed and number, always."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.weights import check_roles, network_with
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.runs.checkpoint import Checkpoint, generator_file, load_checkpoint
from wgan_cli.utils.memory import free_memory
from wgan_cli.utils.pixels import to_uint8
from wgan_cli.utils.seeds import latent_vectors

MOST_SEEDS = 10_000_000


def load_generator(path: Path, device: torch.device) -> tuple[nn.Module, Checkpoint]:
    """Build the generator of a checkpoint or run, in evaluation mode on a device.

    Raises: WganError where the file's weights do not fit the networks of its own recipe.
    """
    file = generator_file(path)
    checkpoint = load_checkpoint(file)
    return generator_of(checkpoint, str(file), device), checkpoint


def generator_of(checkpoint: Checkpoint, origin: str, device: torch.device) -> nn.Module:
    """The generator of a checkpoint, in evaluation mode on a device; `origin` is its file, as errors name it.

    Raises: WganError where the weights do not fit the networks of the recipe.
    """
    check_roles(checkpoint.networks, checkpoint.recipe, origin)
    weights = checkpoint.networks["generator"]
    generator = network_with("generator", checkpoint.recipe, checkpoint.image, weights, origin)
    return generator.requires_grad_(False).to(device)


@torch.inference_mode()
def generate(
    generator: nn.Module, z: np.ndarray, batch_size: int = 64, labels: np.ndarray | None = None
) -> Iterator[Tensor]:
    """Run a generator over latent vectors, batch by batch, each image as it would come out alone.

    Args:
        generator: in evaluation mode; its parameters' device serves.
        z: (N, latent_dim) float32. labels: (N,) int64, for a generator that knows classes.
    Yields: images (n, C, H, W) uint8 on the CPU, n <= batch_size.
    """
    device = next(generator.parameters()).device
    for images in in_batches(generator, device, batch_size, z, labels):
        yield to_uint8(images).cpu()


@torch.inference_mode()
def in_batches(
    network: Callable[..., Tensor], device: torch.device, batch_size: int, *inputs: np.ndarray | None
) -> Iterator[Tensor]:
    """What a network gives for rows of its inputs, those that are not None, each row as it would come out alone.

    Yields: (n, ...) on the device, n <= batch_size.
    """
    given = [rows for rows in inputs if rows is not None]
    for start in range(0, len(given[0]), batch_size):
        count = len(given[0][start : start + batch_size])
        # Every batch has the full size: a kernel chosen for a smaller one could round an image differently.
        full = (_filled(rows[start : start + count], batch_size) for rows in given)
        yield network(*(rows.to(device) for rows in full))[:count]  # (n, ...)


def _filled(part: np.ndarray, size: int) -> Tensor:
    """Rows with zeros below them: (n, ...) -> (size, ...)."""
    part = torch.from_numpy(part)
    return torch.cat([part, part.new_zeros(size - len(part), *part.shape[1:])])


def labels_in_turn(recipe: Recipe, image: ImageShape, count: int, each: int = 1) -> np.ndarray | None:
    """Classes where nobody asks for one: each of them `each` times, in turn, (count,) int64; None without classes."""
    return np.arange(count, dtype=np.int64) // each % image.num_classes if recipe.model.conditional else None


def for_each_class(z: np.ndarray, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The same latent vectors (N, latent_dim) for every class: (classes*N, latent_dim) and labels (classes*N,) int64.

    What does not depend on the class, such as a digit's slant, is then the same in a column of the grid.
    """
    return np.tile(z, (len(classes), 1)), np.repeat(np.array(classes, np.int64), len(z))


def check_room(count: int, latent_dim: int) -> None:
    """Refuse more latent vectors than there is memory for, before the first is drawn. Raises: WganError."""
    needed, free = count * (16 * latent_dim + 200), free_memory(torch.device("cpu"))  # in several forms at once
    if free is not None and needed > free:
        raise WganError(
            f"{count:,} images need {needed / 1e9:,.1f} GB for their latent vectors, and {free / 1e9:,.1f} GB are free",
            "draw fewer at a time, with another --seed each time",
        )


def sample_latents(latent_dim: int, count: int, seed: int, seeds: list[int] | None = None) -> np.ndarray:
    """z for images 0..count-1 of one seed, or for image 0 of each of several: (N, latent_dim) float32."""
    if seeds is None:
        return latent_vectors(seed, range(count), latent_dim)
    return np.concatenate([latent_vectors(each, [0], latent_dim) for each in seeds])


def parse_seeds(text: str, option: str = "--seeds", one: str = "a seed") -> list[int]:
    """Read a list such as 0-63,70 in its order; `option` and what `one` of them is are for errors.

    Raises: WganError naming the part that is no seed or range.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise WganError(
                f"{option}: {part.strip()[:40]!r} is neither {one} nor a range", "write for example 0-63,70"
            )
        start, end = int(first[:20]), int((last or first)[:20])  # no seed has 20 digits
        if end < start or end >= 2**63 or len(seeds) + end - start >= MOST_SEEDS:
            raise WganError(
                f"{option}: {part.strip()[:40]!r} is empty or too large",
                f"count upwards, below 2**63, to {MOST_SEEDS:,} of them at most",
            )
        seeds.extend(range(start, end + 1))
    return seeds


def slerp_path(ends: np.ndarray, frames: int, closed: bool) -> np.ndarray:
    """Walk from each latent vector to the next along the sphere on which they lie (White 2016).

    slerp(a, b; t) = (sin((1-t)*angle)*a + sin(t*angle)*b) / sin(angle).

    Args:
        ends: (N, latent_dim), N >= 2. frames: of each leg, at least 2.
        closed: also walk from the last end back to the first, each leg without its last frame, so that it loops;
            else N - 1 legs, each from one end to the other.
    Returns: (legs * frames, latent_dim) float32.
    """
    a = ends.astype(np.float64)
    b = np.roll(a, -1, axis=0)
    if not closed:
        a, b = a[:-1], b[:-1]
    t = (np.arange(frames) / (frames if closed else frames - 1))[None, :, None]  # (1, frames, 1)
    cosine = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0)).clip(1e-6)[:, None, None]  # (legs, 1, 1)
    path = (np.sin((1 - t) * angle) * a[:, None] + np.sin(t * angle) * b[:, None]) / np.sin(angle)
    return path.reshape(-1, ends.shape[1]).astype(np.float32)
