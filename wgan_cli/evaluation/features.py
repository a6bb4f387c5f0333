"""Image features from a classifier that is trained once per data set and cached.

That of the bundled digits is in the package: a file that this module has written, for their default settings.
"""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.evaluation.classifier import VARIANCE, FeatureNetwork, fixed_network, trained_network
from wgan_cli.evaluation.frechet import moments
from wgan_cli.evaluation.manifold import agreement
from wgan_cli.evaluation.real_images import RealImages, Selection
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.format import Log
from wgan_cli.utils.matmul_precision import repeatable_float32
from wgan_cli.utils.pixels import to_unit_range
from wgan_cli.utils.waiting_lock import acquire, release

VERSION = 1  # increase when the network or its training changes, because scores change with it
FORMAT = "wgan features"
CACHE = ".features"  # folder of trained networks in the data root
BUNDLED = Path(__file__).parent
BATCH = 500
FINGERPRINT_IMAGES = 1000  # images that identify a data set
SCALE_IMAGES = 5000
MIN_PER_CLASS = 20  # mean number of images per class that a classifier needs


@dataclass(frozen=True)
class Features:
    """A feature extractor. Scores of extractors with different names must not be compared."""

    network: FeatureNetwork
    name: str
    description: str
    class_names: tuple[str, ...] = ()
    accuracy: float | None = None  # on images it was not trained on

    @property
    def kind(self) -> str:
        """The feature set in two words, for texts that give a Frechet distance."""
        return "random features" if self.name.startswith("random-") else "classifier features"

    @torch.inference_mode()
    def of(self, batches: Iterable[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Compute features (N, 128) and logits (N, K) or None, float32 on the CPU, of stored batches (n, C, H, W)."""
        device = self.network.scale.device
        found = []
        for batch in batches:
            with repeatable_float32(device):  # scores don't depend on the device
                found.append(self.network(to_unit_range(batch.to(device))))
        logits = torch.cat([part[1] for part in found]).cpu() if self.network.head else None
        return torch.cat([part[0] for part in found]).cpu(), logits


@dataclass(frozen=True)
class _Cached:
    """A trained classifier. tested: fingerprint of the images of its accuracy; None in files of earlier versions."""

    network: FeatureNetwork
    accuracy: float
    tested: str | None


def make_features(real: RealImages, source: str, data_root: Path, device: torch.device, log: Log) -> Features:
    """Return the features for a set of real images: of a classifier if it has classes, else of fixed random weights.

    The classifier is trained once, which takes up to two minutes, and cached. A damaged file is replaced.
    """
    image, class_names = real.labeled.dataset.shape, real.labeled.dataset.class_names
    name = f"{source}-{image}-v{VERSION}-{_fingerprint(real.labeled)}"
    if len(class_names) < 2 or len(real.labeled) < MIN_PER_CLASS * len(class_names):
        network = fixed_network(image).requires_grad_(False).to(device)
        _set_scale(network, real.labeled)
        why = "no classes" if len(class_names) < 2 else f"fewer than {MIN_PER_CLASS} images per class"
        return Features(network, f"random-{name}", f"a network with fixed random weights, because there are {why}")
    file = data_root / CACHE / f"{name}.pth"
    description = f"a classifier trained on {real.labeled.name}"
    fresh = fixed_network(image, len(class_names))
    bundled, tested = _load(BUNDLED / file.name, fresh), _fingerprint(real.test)
    found = bundled or _load(file, fresh) or _trained(file, fresh, real, tested, device, log)
    network = found.network
    if bundled is None:  # training differs between machines
        name += f"-{_checksum(network.state_dict())[:6]}"
    accuracy = found.accuracy if found.tested == tested else _accuracy(network.to(device), real.test)
    return Features(network.requires_grad_(False).to(device), name, description, class_names, accuracy)


def _trained(
    file: Path, fresh: FeatureNetwork, real: RealImages, tested: str, device: torch.device, log: Log
) -> _Cached:
    """Train a classifier and write it to a file, unless another process has just done so."""
    lock = None
    with suppress(OSError):  # the folder may be read-only
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = acquire(file.with_name(f".{file.name}.lock"), "training the same feature classifier", log)
    try:
        if (found := _load(file, fresh)) is not None:
            return found
        log(f"training the feature classifier for evaluation on {real.labeled.name} (once, up to 2 minutes)")
        network = trained_network(real.labeled, device, log=log)
        _set_scale(network, real.labeled)
        accuracy = _accuracy(network, real.test)
        log(f"classifier accuracy: {accuracy:.1%} on {len(real.test):,} held-out images")
        cached = _Cached(network, accuracy, tested)
        _save(file, cached, log)
        return cached
    finally:
        if lock is not None:
            release(lock)


def _accuracy(network: FeatureNetwork, test: Selection) -> float:
    _, logits = Features(network, "", "").of(test.batches(BATCH))
    assert logits is not None
    return agreement(logits, test.labels).share


def _set_scale(network: FeatureNetwork, images: Selection) -> None:
    """Scale the features of real images to a total variance of 100, which makes distances readable."""
    features, _ = Features(network, "", "").of(images.subset(SCALE_IMAGES).batches(BATCH))
    variance = float(moments(features).covariance.trace())
    network.scale.fill_((VARIANCE / variance) ** 0.5 if variance > 0 else 1.0)


def _fingerprint(images: Selection) -> str:
    digest = hashlib.sha256(str(images.dataset.class_names).encode() + images.labels.numpy().tobytes())
    for batch in images.subset(FINGERPRINT_IMAGES).batches(BATCH):
        digest.update(batch.numpy().tobytes())
    return digest.hexdigest()[:12]


def _checksum(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _save(file: Path, cached: _Cached, log: Log) -> None:
    weights = {name: tensor.cpu() for name, tensor in cached.network.state_dict().items()}
    content = {"format": FORMAT, "accuracy": cached.accuracy, "tested": cached.tested, "weights": weights}
    content["checksum"] = _checksum(weights)
    try:
        make_parent(file)
        write_atomically(file, lambda opened: torch.save(content, opened))
    except WganError as error:
        log(f"{error.message}; each evaluation will train the classifier again")


def _load(file: Path, network: FeatureNetwork) -> _Cached | None:
    """Load a cached network without executing code, or return None if it is missing or damaged."""
    with suppress(Exception):  # a damaged file fails in a dozen ways
        content = torch.load(file, map_location="cpu", weights_only=True)
        if content["format"] == FORMAT and content["checksum"] == _checksum(content["weights"]):
            network.load_state_dict(content["weights"])
            return _Cached(network, float(content["accuracy"]), content.get("tested"))
    return None
