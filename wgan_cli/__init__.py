"""Train, sample, animate and inspect generative adversarial networks from the command line, and from Python."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wgan_cli.api import evaluate, train
    from wgan_cli.data.sources.arrays import image_set
    from wgan_cli.errors import WganError
    from wgan_cli.generator import LoadedGenerator, load_generator
    from wgan_cli.trackers.tracker import Tracker
    from wgan_cli.training.callback import Callback

__version__ = "0.2.0.dev0"
__all__ = [
    "Callback",
    "LoadedGenerator",
    "Tracker",
    "WganError",
    "__version__",
    "evaluate",
    "image_set",
    "load_generator",
    "train",
]

_PLACES = {
    "LoadedGenerator": "wgan_cli.generator",
    "Callback": "wgan_cli.training.callback",
    "Tracker": "wgan_cli.trackers.tracker",
    "WganError": "wgan_cli.errors",
    "evaluate": "wgan_cli.api",
    "image_set": "wgan_cli.data.sources.arrays",
    "load_generator": "wgan_cli.generator",
    "train": "wgan_cli.api",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that the command line starts without importing torch."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
