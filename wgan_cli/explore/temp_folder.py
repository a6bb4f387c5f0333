"""Temporary folder for gradio, which reads its location when it is imported."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory


@contextmanager
def gradio_temp_folder() -> Iterator[None]:
    """Keep uploaded images in a folder that is removed when the page closes."""
    with TemporaryDirectory(prefix="wgan-explore-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        try:
            yield
        finally:
            os.environ.pop("GRADIO_TEMP_DIR", None)
