"""Features of images: of a classifier that is trained once for each set of real images, and kept in the cache."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.evaluation.classifier import VARIANCE, FeatureNetwork, fixed_network, trained_network
from wgan_cli.evaluation.frechet import moments
from wgan_cli.evaluation.real_images import RealImages, Selection
from wgan_cli.evaluation.scores import agreement
from wgan_cli.utils.files import write_atomically
from wgan_cli.utils.pixels import to_unit_range

VERSION = 1  # raised when the network or its training changes; its numbers are then others
FORMAT = "wgan features"
BATCH = 500
LOOKED_AT = 1000  # images that tell one set from another
FOR_SCALE = 5000
EACH_CLASS = 20  # images of each class, on the mean, that a classifier needs


@dataclass(frozen=True)
class Features:
    """What turns images into features. Numbers of different names are never to be compared.

    what: a phrase for people. class_names: of its logits. accuracy: on images it has not seen, or None.
    """

    network: FeatureNetwork
    name: str
    what: str
    class_names: tuple[str, ...] = ()
    accuracy: float | None = None

    @property
    def kind(self) -> str:
        """The feature set in two words, for texts that give a Frechet distance."""
        return "random features" if self.name.startswith("random-") else "classifier features"

    @torch.inference_mode()
    def of(self, batches: Iterable[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Features (N, 128) and logits (N, K) or None, float32 on the CPU, of batches of images (n, C, H, W) uint8."""
        device = self.network.scale.device
        found = [self.network(to_unit_range(batch.to(device))) for batch in batches]
        logits = torch.cat([part[1] for part in found]).cpu() if self.network.head else None
        return torch.cat([part[0] for part in found]).cpu(), logits


def cache_folder(data_root: Path) -> Path:
    """Where trained networks are kept, beside the packs of decoded images and hidden like them."""
    return data_root / ".features"


def make_features(
    real: RealImages, source: str, data_root: Path, device: torch.device, log: Callable[[str], None]
) -> Features:
    """The features for a set of real images: of a classifier where they have classes, else of fixed random weights.

    A classifier is trained once, in two minutes at most, and kept; a file that is damaged is made anew.
    """
    image, class_names = real.labelled.dataset.shape, real.labelled.dataset.class_names
    name = f"{source}-{image}-v{VERSION}-{_fingerprint(real.labelled)}"
    if len(class_names) < 2 or len(real.labelled) < EACH_CLASS * len(class_names):
        network = fixed_network(image).requires_grad_(False).to(device)
        _set_scale(network, real.labelled)
        why = "no classes" if len(class_names) < 2 else f"fewer than {EACH_CLASS} images a class"
        return Features(network, f"random-{name}", f"a network of fixed random weights, for there are {why}")
    file = cache_folder(data_root) / f"{name}.pth"
    what = f"a classifier trained on {real.labelled.name}"
    found = _load(file, fixed_network(image, len(class_names)))
    if found is None:
        log(f"training a classifier of {real.labelled.name} for its features; once, in two minutes at most")
        network = trained_network(real.labelled, device)
        _set_scale(network, real.labelled)
        accuracy = _accuracy(Features(network, name, what), real.tested)
        log(f"it is right on {accuracy:.1%} of {len(real.tested):,} images that it has not seen")
        _keep(file, network, accuracy, log)
        found = network, accuracy
    network, accuracy = found
    return Features(network.requires_grad_(False).to(device), name, what, class_names, accuracy)


def _set_scale(network: FeatureNetwork, images: Selection) -> None:
    """Give the features of real images a total variance of 100, so that distances can be read."""
    features, _ = Features(network, "", "").of(images.some(FOR_SCALE).batches(BATCH))
    variance = float(moments(features).covariance.trace())
    network.scale.fill_((VARIANCE / variance) ** 0.5 if variance > 0 else 1.0)


def _accuracy(features: Features, tested: Selection) -> float:
    _, logits = features.of(tested.batches(BATCH))
    return agreement(logits, tested.labels).share


def _fingerprint(images: Selection) -> str:
    """Tells one set from another by some of its images and all of its labels."""
    digest = hashlib.sha256(str(images.dataset.class_names).encode() + images.labels.numpy().tobytes())
    for batch in images.some(LOOKED_AT).batches(BATCH):
        digest.update(batch.numpy().tobytes())
    return digest.hexdigest()[:12]


def _checksum(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _keep(file: Path, network: FeatureNetwork, accuracy: float, log: Callable[[str], None]) -> None:
    """Write a network to the cache; where that cannot be, this evaluation goes on with what it has."""
    weights = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
    content = {"format": FORMAT, "accuracy": accuracy, "weights": weights, "checksum": _checksum(weights)}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda opened: torch.save(content, opened))
    except OSError as error:
        log(f"it cannot be kept in {file.parent} ({describe_os_error(error)}), so each evaluation trains it anew")
    except WganError as error:
        log(f"{error.message}, so each evaluation trains it anew")


def _load(file: Path, network: FeatureNetwork) -> tuple[FeatureNetwork, float] | None:
    """A network of the cache and its accuracy, or None where there is none or it is damaged; the file runs no code."""
    damaged = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, EOFError, IndexError)
    with suppress(OSError, pickle.UnpicklingError, zipfile.BadZipFile, *damaged):
        content = torch.load(file, map_location="cpu", weights_only=True)
        if content["format"] == FORMAT and content["checksum"] == _checksum(content["weights"]):
            network.load_state_dict(content["weights"])
            return network, float(content["accuracy"])
    return None
