"""Train, sample, animate and inspect generative adversarial networks from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wgan_cli.generator import LoadedGenerator, load_generator

__version__ = "0.1.0"
__all__ = ["LoadedGenerator", "__version__", "load_generator"]


def __getattr__(name: str) -> Any:
    """What Python code uses, imported when it is asked for, so that the command line need not wait for torch."""
    if name in ("LoadedGenerator", "load_generator"):
        from wgan_cli import generator

        return getattr(generator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
