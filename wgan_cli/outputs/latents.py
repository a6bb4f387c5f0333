"""Latent vectors to sample from: those of a seed, of several seeds, or of a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.outputs.sampling import check_memory_for, parse_seeds, sample_latents
from wgan_cli.outputs.save_images import write_npy
from wgan_cli.recipe import Recipe
from wgan_cli.utils.files import open_plain


@dataclass(frozen=True)
class Latents:
    """Choice of latent vectors, by the options of `wgan sample`; `seeds` is a list such as 0-63,70."""

    seed: int = 0
    count: int | None = None
    seeds: str | None = None
    file: Path | None = None

    def draw(self, recipe: Recipe, default: int) -> np.ndarray:
        """Return z (N, latent_dim) float32, for `default` images unless their number is chosen. Raises: WganError."""
        numbers = {"-n": self.count, "--seeds": self.seeds, "--z": self.file}
        given = [option for option, value in numbers.items() if value is not None]
        if len(given) > 1:
            raise WganError(f"{' and '.join(given)} each set the number of images", f"keep one: {' or '.join(given)}")
        latent_dim = recipe.model.latent_dim
        if self.file is not None:
            return read_latents(self.file, latent_dim)
        chosen = None if self.seeds is None else parse_seeds(self.seeds)
        count = len(chosen) if chosen else self.count or default
        check_memory_for(count, latent_dim)
        return sample_latents(latent_dim, count, self.seed, chosen)


def read_latents(path: Path, latent_dim: int) -> np.ndarray:
    """Read finite z (N, latent_dim) from a .npy file of numbers, as float32. Raises: WganError naming both shapes."""
    wanted = f"(N, {latent_dim})"
    hint = f"write one with `wgan sample --save-z {path.name}`, or np.save of an array {wanted}"
    try:
        with open_plain(path) as file:
            z = np.load(file, allow_pickle=False)
    except OSError as error:
        raise WganError(f"cannot read {path}: {describe_os_error(error)}", hint) from None
    except Exception:  # damaged files fail in several ways
        raise WganError(f"{path} is not a .npy file of numbers", hint) from None
    if not isinstance(z, np.ndarray) or z.dtype.kind not in "fiu":
        raise WganError(f"{path} is not a .npy file of real numbers", hint)
    if z.ndim != 2 or z.shape[1] != latent_dim or not len(z):
        raise WganError(f"{path} has the shape {z.shape}, but latent vectors of this generator have {wanted}", hint)
    with np.errstate(over="ignore"):
        z = z.astype(np.float32)
    if wrong := int((~np.isfinite(z)).sum()):
        raise WganError(
            f"{path} of shape {z.shape} holds {wrong:,} NaN or infinite values, and must be {wanted} of finite ones",
            hint,
        )
    return z


def write_latents(z: np.ndarray, path: Path) -> None:
    """Write z (N, latent_dim) as a .npy file. Raises: WganError for another suffix, or if it can't be written."""
    if path.suffix.lower() != ".npy":
        raise WganError(f"--save-z {path} does not end in .npy", f"use --save-z {path.stem or 'z'}.npy")
    write_npy(z, path)
