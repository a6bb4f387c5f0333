"""`data:` in a recipe: which images, and how many of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wgan_cli.recipe.base import Settings


class DataSettings(Settings):
    """Which images to learn from."""

    source: Literal["digits", "mnist", "fashion_mnist", "cifar10"] = Field(
        "digits", description="`digits` (7,000 MNIST images inside the package), or a set under --data-root"
    )
    split: Literal["train", "test", "all"] = Field("train", description="which part of the set")
    limit: int | None = Field(None, ge=1, description="take only the first so many images")
    image_size: int | None = Field(None, ge=8, le=128, description="resize to this height and width, in pixels")
