"""The trackers by name. Imports none of their packages."""

from importlib.util import find_spec

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.trackers.client import TrackerClient
from wgan_cli.trackers.mlflow_client import MlflowClient
from wgan_cli.trackers.trackio_client import TrackioClient
from wgan_cli.trackers.wandb_client import WandbClient

CLIENTS: dict[str, type[TrackerClient]] = {"wandb": WandbClient, "mlflow": MlflowClient, "trackio": TrackioClient}


def make_client(name: str) -> TrackerClient:
    """Return the client of a tracker. Raises: WganError for another name, or if its package is not installed."""
    if name not in CLIENTS:
        hint = did_you_mean(name, CLIENTS)
        if name == "tensorboard":
            hint = "leave it out: every run writes RUN/tensorboard/; "
        raise WganError(f"unknown tracker {name!r}", f"{hint}trackers: {', '.join(CLIENTS)}")
    package = CLIENTS[name].package
    spec = find_spec(package)
    if spec is None or spec.origin is None:  # without origin: a folder of that name, such as wandb's own ./wandb
        raise WganError(
            f"the tracker {name} needs the package {package}, which is not installed", f"pip install 'wgan[{package}]'"
        )
    return CLIENTS[name]()
