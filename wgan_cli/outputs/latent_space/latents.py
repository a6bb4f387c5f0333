"""Latent vectors to sample from: those of a seed, of several seeds, or of a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.outputs.sampling import check_memory_for, cycled_labels, parse_seeds, sample_latents
from wgan_cli.outputs.save_images import write_npy
from wgan_cli.recipe.model_settings import StyleSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.files import check_suffix, make_parent, open_plain, write_atomically


class Latents(NamedTuple):
    """Latent vectors.

    Attributes:
        rows: z (N, latent_dim), or w (N, style_dim) or (N, style_layers, style_dim) of a generator with a style space.
        space: "z" or "w".
        labels: classes (N,) int64, which w includes; None if they are not known.
        generator: checksum of the checkpoint that they were projected with, if any.
    """

    rows: np.ndarray
    space: str = "z"
    labels: np.ndarray | None = None
    generator: str | None = None


@dataclass(frozen=True)
class LatentChoice:
    """Choice of latent vectors, by the options of `wgan sample`; `seeds` is a list such as 0-63,70."""

    seed: int = 0
    count: int | None = None
    seeds: str | None = None
    file: Path | None = None

    def draw(self, checkpoint: Checkpoint, default: int) -> Latents:
        """Return the vectors for `default` images unless their number is chosen. Raises: WganError.

        Of a conditional generator, image i of a seed has class i % classes, and that of each of several seeds has
        class seed % classes; those of a file have the classes in it, or None.
        """
        numbers = {"-n": self.count, "--seeds": self.seeds, "--from": self.file}
        given = [option for option, value in numbers.items() if value is not None]
        if len(given) > 1:
            raise WganError(f"{' and '.join(given)} each set the number of images", f"keep one: {' or '.join(given)}")
        if self.file is not None:
            return read_latents(self.file, checkpoint)
        chosen = None if self.seeds is None else parse_seeds(self.seeds)
        count, latent_dim = len(chosen) if chosen else self.count or default, checkpoint.recipe.model.latent_dim
        check_memory_for(count, latent_dim)
        labels = cycled_labels(checkpoint.recipe, checkpoint.image, count)
        if chosen is not None and labels is not None:  # so that an image doesn't depend on the other seeds
            labels = np.array(chosen, np.int64) % checkpoint.image.num_classes
        return Latents(sample_latents(latent_dim, count, self.seed, chosen), labels=labels)


def read_latents(path: Path, checkpoint: Checkpoint) -> Latents:
    """Read latent vectors for the generator of a checkpoint, finite numbers as float32.

    Args:
        path: z in a .npy file, or a .npz file of `write_latents`.
    Raises: WganError naming both shapes if they don't fit.
    """
    model = checkpoint.recipe.model
    hint = (
        f"write z with `wgan sample --save-z z.npy`, or np.save of an array (N, {model.latent_dim}); "
        "or project images with `wgan project`"
    )
    content = _content(path, hint)
    space = next((name for name in ("z", "w") if name in content), "z")
    wanted: dict[str, list[tuple[int, ...]]] = {"z": [(model.latent_dim,)]}
    if isinstance(model, StyleSettings):
        wanted["w"] = [(model.style_dim,), (model.style_layers, model.style_dim)]
    if space not in wanted:
        problem = f"{path} holds w of a style space, which {model.name} does not have"
        raise WganError(problem, "give the generator that it was projected with")
    rows, labels = content.get(space), content.get("labels")
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "fiu":
        raise WganError(f"{path} is not a file of real numbers", hint)
    if not len(rows.shape) or not len(rows) or rows.shape[1:] not in wanted[space]:
        shapes = " or ".join(f"(N, {', '.join(map(str, shape))})" for shape in wanted[space])
        raise WganError(
            f"{path} has {space} of shape {rows.shape}, but those of this generator have {shapes}",
            "give the generator that it was projected with" if space == "w" else hint,
        )
    with np.errstate(over="ignore"):
        rows = rows.astype(np.float32)
    if wrong := int((~np.isfinite(rows)).sum()):
        raise WganError(f"{path} of shape {rows.shape} holds {wrong:,} NaN or infinite values", hint)
    if labels is not None:
        classes = checkpoint.image.num_classes if model.conditional else 0
        if labels.shape != rows.shape[:1] or labels.dtype.kind not in "iu" or not np.isin(labels, range(classes)).all():
            raise WganError(
                f"{path} has classes that this generator doesn't have", "give the generator that it was projected with"
            )
        labels = labels.astype(np.int64)
    return Latents(rows, space, labels, str(content["generator"]) if "generator" in content else None)


def _content(path: Path, hint: str) -> dict[str, Any]:
    """Return the arrays of a .npy or .npz file by name. Raises: WganError."""
    try:
        with open_plain(path) as file:
            found = np.load(file, allow_pickle=False)
            return {"z": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except OSError as error:
        raise WganError(f"cannot read {path}: {describe_os_error(error)}", hint) from None
    except Exception:  # damaged files fail in several ways
        raise WganError(f"{path} is not a .npy or .npz file of numbers", hint) from None


def write_latents(latents: Latents, path: Path, **more: np.ndarray) -> None:
    """Write latent vectors: z alone as a .npy file, anything as .npz. Raises: WganError.

    Args:
        more: arrays to add to a .npz file.
    """
    check_latents_path(path, latents.space)
    if path.suffix.lower() == ".npy":
        write_npy(latents.rows, path)
    else:
        facts = {"labels": latents.labels, "generator": latents.generator and np.array(latents.generator)}
        arrays: dict[str, Any] = {name: value for name, value in facts.items() if value is not None}
        arrays |= {latents.space: latents.rows, **more}
        make_parent(path)
        write_atomically(path, lambda file: np.savez(file, **arrays))


def check_latents_path(path: Path, space: str) -> None:
    """Raise a WganError for a suffix that `write_latents` doesn't write for a space, "z" or "w"."""
    check_suffix(path, (".npy", ".npz") if space == "z" else (".npz",), "z.npz")
