"""Images from a checkpoint: the same image for the same seed and index, always."""

import csv
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.weights import check_roles, network_with
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.runs.checkpoint import Checkpoint, generator_file, load_checkpoint
from wgan_cli.utils.class_names import class_indices
from wgan_cli.utils.machine import check_memory
from wgan_cli.utils.matmul_precision import repeatable_float32
from wgan_cli.utils.pixels import from_unit_range
from wgan_cli.utils.seeds import latent_vectors

MAX_SEEDS = 10_000_000
BATCH_SIZE = 64  # default; see `images_at_once`


def open_generator(path: Path, device: torch.device) -> tuple[nn.Module, Checkpoint]:
    """Load the generator of a checkpoint or run, in evaluation mode, and its checkpoint. Raises: WganError."""
    file = generator_file(path)
    checkpoint = load_checkpoint(file)
    return generator_of(checkpoint, str(file), device), checkpoint


def generator_of(checkpoint: Checkpoint, origin: str, device: torch.device) -> nn.Module:
    """Build the generator of a checkpoint, in evaluation mode; `origin` names the file in errors. Raises: WganError."""
    check_roles(checkpoint.networks, checkpoint.recipe, origin)
    weights = checkpoint.networks["generator"]
    generator = network_with("generator", checkpoint.recipe, checkpoint.image, weights, origin)
    return generator.requires_grad_(False).to(device)


def images_at_once(image: ImageShape) -> int:
    """Return the default batch size for images of a shape: 64, or fewer of more than 128x128 pixels to save memory."""
    return max(1, min(BATCH_SIZE, BATCH_SIZE * 128**2 // (image.height * image.width)))


@torch.inference_mode()
def generate(
    generator: nn.Module,
    z: np.ndarray,
    batch_size: int = BATCH_SIZE,
    labels: np.ndarray | None = None,
    dtype: torch.dtype = torch.uint8,
) -> Iterator[Tensor]:
    """Run a generator on latent vectors in batches; an image does not depend on the others.

    z (N, latent_dim) float32, labels (N,) int64 for a conditional generator -> (n, C, H, W) of `dtype` on the CPU:
    uint8 or int16 pixels, as image sets store them.
    """
    device = next(generator.parameters()).device
    for images in in_batches(generator, device, batch_size, z, labels):
        yield from_unit_range(images, dtype).cpu()


@torch.inference_mode()
def in_batches(
    network: Callable[..., Tensor], device: torch.device, batch_size: int, *inputs: np.ndarray | None
) -> Iterator[Tensor]:
    """Apply a network to rows of its inputs (None is skipped); a row's result does not depend on the others.

    Yields: (n, ...) on the device, n <= batch_size.
    """
    given = [rows for rows in inputs if rows is not None]
    for start in range(0, len(given[0]), batch_size):
        count = len(given[0][start : start + batch_size])
        # Every batch has the full size: a kernel chosen for a smaller one could round differently.
        full = [np.zeros((batch_size, *rows.shape[1:]), rows.dtype) for rows in given]
        for rows, padded in zip(given, full, strict=True):
            padded[:count] = rows[start : start + count]
        on_device = [torch.from_numpy(rows).to(device, non_blocking=device.type == "cuda") for rows in full]
        with repeatable_float32(device):  # TF32 would make a GPU's images differ visibly from a CPU's
            outputs = network(*on_device)
        yield outputs[:count]  # (n, ...)


def cycled_labels(recipe: Recipe, image: ImageShape, count: int) -> np.ndarray | None:
    """Return the default labels: all classes in turn, (count,) int64; None without classes."""
    return np.arange(count, dtype=np.int64) % image.num_classes if recipe.model.conditional else None


def check_memory_for(count: int, latent_dim: int) -> None:
    """Check that the latent vectors fit into memory, before any is drawn. Raises: WganError."""
    hint = "sample fewer at a time, with a different --seed each time"
    check_memory(f"the latent vectors of {count:,} images", count * _latent_bytes(latent_dim), hint)


def check_memory_to_evaluate(count: int, latent_dim: int, image: ImageShape) -> None:
    """Check that images fit into memory together with their latent vectors. Raises: WganError."""
    hint = "leave out -n to evaluate as many as are held out"
    check_memory(f"{count:,} images", count * _image_bytes(latent_dim, image), hint)


def check_memory_to_walk(frames: int, cells: int, latent_dim: int, image: ImageShape) -> None:
    """Check that the images of all frames fit into memory with their latent vectors and pictures. Raises: WganError."""
    picture = 3 * image.height * image.width  # RGB
    needed = frames * cells * (_image_bytes(latent_dim, image) + picture)
    hint = "use a smaller --max-frames, --seconds or --grid"
    check_memory(f"{frames:,} frames of {cells} images", needed, hint)


def _image_bytes(latent_dim: int, image: ImageShape) -> int:
    """Return the memory for a generated image and its latent vector."""
    pixels = 2 * image.channels * image.height * image.width  # batches, and all of them concatenated
    return _latent_bytes(latent_dim) + pixels


def _latent_bytes(latent_dim: int) -> int:
    """Return the memory for a latent vector, of which there are several copies at once."""
    return 16 * latent_dim + 200


def sample_latents(latent_dim: int, count: int, seed: int, seeds: list[int] | None = None) -> np.ndarray:
    """Return z of images 0..count-1 of one seed, or of image 0 of each of several seeds: (N, latent_dim) float32."""
    if seeds is None:
        return latent_vectors(seed, range(count), latent_dim)
    return np.concatenate([latent_vectors(each, [0], latent_dim) for each in seeds])


def parse_seeds(text: str, option: str = "--seeds", item: str = "a seed") -> list[int]:
    """Parse a list such as 0-63,70, keeping its order; `option` and `item` are names for errors. Raises: WganError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise WganError(f"{option}: {part.strip()[:40]!r} is neither {item} nor a range", "example: 0-63,70")
        start, end = (int(end.lstrip("0")[:20] or 0) for end in (first, last or first))  # no seed has 20 digits
        if end < start or end >= 2**63 or len(seeds) + end - start >= MAX_SEEDS:
            raise WganError(
                f"{option}: {part.strip()[:40]!r} is empty or too large",
                f"use ascending ranges below 2**63, with at most {MAX_SEEDS:,} numbers in all",
            )
        seeds.extend(range(start, end + 1))
    return seeds


def parse_classes(texts: Iterable[str], class_names: Sequence[str]) -> list[int]:
    """Parse lists of classes such as 3, 0-9 or cat,dog into indices, in their order.

    A list may itself be the name of a class, and quotes protect commas inside of names: `"New York, NY",Rome`.

    Raises: WganError for an unknown class, or one listed twice.
    """
    words: list[str] = []
    for text in texts:
        for word in (part if part in class_names else part.strip() for part in _class_list(text, class_names)):
            first, dash, last = word.partition("-")
            numbers = dash and all(end.isdecimal() and len(end) < 7 for end in (first, last))
            if numbers and word not in class_names and int(first) <= int(last):
                words += map(str, range(int(first), int(last) + 1))
            else:
                words.append(word)
    hint = f"; for example, --class {shlex.quote(class_names[0])}, or --class 0-{len(class_names) - 1} for all"
    if with_comma := next((name for name in class_names if "," in name), None):
        hint = f"; repeat --class for names with commas: --class {shlex.quote(with_comma)} --class ..."
    return class_indices(words, class_names, "--class", hint)


def _class_list(text: str, class_names: Sequence[str]) -> list[str]:
    if text not in class_names:
        with suppress(csv.Error):  # a line break outside of quotes
            return next(csv.reader([text], skipinitialspace=True)) or [""]
    return [text]


def slerp_path(ends: np.ndarray, frames: int, closed: bool) -> np.ndarray:
    """Interpolate spherically from each latent vector to the next (White 2016).

    slerp(a, b; t) = (sin((1-t)*angle)*a + sin(t*angle)*b) / sin(angle); (1-t)*a + t*b where sin(angle) is nearly 0,
    for parallel and opposite vectors and zeros.

    Args:
        ends: (N, latent_dim), N >= 2. frames: per leg, at least 2.
        closed: add a leg from the last vector to the first, and omit the last frame of each leg, so that it loops.
    Returns: (legs * frames, latent_dim) float32.
    """
    a = ends.astype(np.float64)
    b = np.roll(a, -1, axis=0)
    if not closed:
        a, b = a[:-1], b[:-1]
    t = (np.arange(frames) / (frames if closed else frames - 1))[None, :, None]  # (1, frames, 1)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = (a * b).sum(1) / np.where(norms > 0, norms, 1)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None, None]  # (legs, 1, 1)
    straight = (np.sin(angle) < 1e-4) | (norms == 0)[:, None, None]
    sine = np.where(straight, 1, np.sin(angle))
    of_a = np.where(straight, 1 - t, np.sin((1 - t) * angle) / sine)  # (legs, frames, 1)
    of_b = np.where(straight, t, np.sin(t * angle) / sine)
    path = of_a * a[:, None] + of_b * b[:, None]  # (legs, frames, latent_dim)
    return path.reshape(-1, ends.shape[1]).astype(np.float32)
