"""FID, inception score and KID in Inception-v3 features, computed by torch-fidelity with its weights."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor

from wgan_cli.data.dataset import ImageSet, LazyImages
from wgan_cli.errors import ExitStatus, WganError, describe_os_error
from wgan_cli.evaluation.real_images import Selection
from wgan_cli.outputs.grid import as_picture
from wgan_cli.utils.pixels import preview
from wgan_cli.utils.transparency import WHITE, composited

COUNT = 50_000  # images, as in most papers
SUBSET = 1000  # images in each of KID's hundred subsets
RESIZED = "to 299x299, bilinear as in TensorFlow 1"
KEYS = {
    "fid": {"fid": "frechet_inception_distance"},
    "is": {"is": "inception_score_mean", "is_std": "inception_score_std"},
    "kid": {"kid": "kernel_inception_distance_mean", "kid_std": "kernel_inception_distance_std"},
}
FIRST_WEIGHT = "Conv2d_1a_3x3.conv.weight"  # identifies a file of Inception weights
WEIGHTS_FILE = "weights-inception-2015-12-05-6726825d.pth"


@dataclass(frozen=True)
class InceptionScores:
    """Scores by name (fid, is, is_std, kid, kid_std); fid and kid are relative to the training images."""

    features: str
    resized: str
    training: str
    training_count: int
    held_out: str
    generated_count: int
    real_count: int
    generated: dict[str, float]
    real: dict[str, float]


def check_inception(weights: Path | None) -> None:
    """Check that Inception is available before anything is computed; a file of weights executes no code.

    Raises: WganError if torch-fidelity is not installed, or the file holds no Inception weights.
    """
    if importlib.util.find_spec("torch_fidelity") is None:
        raise WganError("fid, is and kid need torch-fidelity, which is not installed", "pip install 'wgan[fid]'")
    if weights is None:
        return
    try:
        found = torch.load(weights, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WganError(f"{weights} does not exist", "check the path after --feature-weights") from None
    except OSError as error:
        raise WganError(f"cannot read {weights}: {describe_os_error(error)}", "make it readable") from None
    except Exception:  # a damaged file fails in a dozen ways
        raise _wrong_weights(weights) from None
    if not isinstance(found, dict) or FIRST_WEIGHT not in found:
        raise _wrong_weights(weights)


def measure_inception(
    images: Tensor, training: Selection, held_out: Selection, metrics: Sequence[str], weights: Path | None,
    device: torch.device, background: tuple[int, int, int] = WHITE,
) -> InceptionScores:  # fmt: skip
    """Compute FID (Heusel et al. 2017), IS (Salimans et al. 2016) and KID (Binkowski et al. 2018).

    Args:
        images: (N, C, H, W) uint8. weights: file of Inception weights; None downloads them.
        background: color behind transparent images, since Inception has no alpha channel.
    Raises: WganError if the weights cannot be downloaded or do not fit.
    """
    import torch_fidelity  # pyright: ignore[reportMissingImports]  # an optional dependency

    def scores(measured: _RgbImages, cache: str) -> dict[str, float]:
        needs_training = bool({"fid", "kid"} & set(metrics))
        kinds = [kind for metric in metrics for kind in KEYS[metric].items()]
        found = torch_fidelity.calculate_metrics(
            input1=measured,
            input2=reference if needs_training else None,
            input2_cache_name="training" if needs_training else None,
            fid="fid" in metrics,
            isc="is" in metrics,
            kid="kid" in metrics,
            kid_subset_size=min(SUBSET, len(measured), len(reference)),
            feature_extractor_weights_path=None if weights is None else str(weights),
            cuda=device.type == "cuda",
            cache_root=cache,
            save_cpu_ram=True,  # a single process
            verbose=False,
        )
        return {name: float(found[key]) for name, key in kinds}

    def rgb(images: Tensor | LazyImages, indices: Tensor) -> _RgbImages:
        return _RgbImages(images, indices, background, training.dataset.preview_channels)

    reference = rgb(training.dataset.images, training.indices)
    held_out = held_out.subset(len(images))
    try:
        with tempfile.TemporaryDirectory() as cache:  # computes the training images' features only once
            generated = scores(rgb(images, torch.arange(len(images))), cache)
            real = scores(rgb(held_out.dataset.images, held_out.indices), cache)
    except (URLError, ConnectionError, TimeoutError) as error:
        raise WganError(
            f"cannot download the Inception-v3 weights: {getattr(error, 'reason', None) or describe_os_error(error)}",
            f"download torch-fidelity's {WEIGHTS_FILE} elsewhere, and pass it with --feature-weights FILE",
            ExitStatus.FAILED,
        ) from error
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        raise _wrong_weights(weights) from error
    return InceptionScores(
        features=f"inception-v3 of torch-fidelity {metadata.version('torch-fidelity')}{_reduction(training.dataset)}",
        resized=RESIZED,
        training=training.name,
        training_count=len(training),
        held_out=held_out.name,
        generated_count=len(images),
        real_count=len(held_out),
        generated=generated,
        real=real,
    )


class _RgbImages(torch.utils.data.Dataset):
    """Images as torch-fidelity expects them, (3, H, W) uint8: gray is repeated, alpha is composited onto a color."""

    def __init__(
        self,
        images: Tensor | LazyImages,
        indices: Tensor,
        background: tuple[int, int, int],
        bands: tuple[int, ...] | None,
    ) -> None:
        self.images, self.indices, self.background, self.bands = images, indices, background, bands

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Tensor:
        image = preview(self.images.index_select(0, self.indices[index : index + 1])[0], self.bands)  # (C, H, W)
        if len(image) == 4:
            picture = composited(as_picture(image), self.background)
            return torch.from_numpy(np.array(picture)).permute(2, 0, 1)  # (3, H, W)
        return image.expand(3, -1, -1) if len(image) == 1 else image


def _reduction(images: ImageSet) -> str:
    """Return what Inception doesn't see of the images, for the name of the features."""
    bands = images.preview_channels
    seen = [] if bands is None else [f"bands {', '.join(map(str, bands))} of {images.shape.channels}"]
    seen += [] if images.images.dtype == torch.uint8 else ["8 of 16 bits"]
    return f" ({' and '.join(seen)})" if seen else ""


def _wrong_weights(path: Path | None) -> WganError:
    return WganError(
        f"{path or 'the download'} does not hold torch-fidelity's Inception-v3 weights",
        f"give the file {WEIGHTS_FILE} with --feature-weights",
    )
