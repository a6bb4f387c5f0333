"""`model:` of the style-based family."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from wgan_cli.recipe.layer_settings import (
    INITS,
    SINGLE_PIXELS,
    CriticLayerSettings,
    Init,
    LabelledLatentSettings,
    LayerSettings,
    Width,
    halves,
)

_NO_NORM = "none: styles, or equalised weights, keep the numbers in their range"


class StyleGeneratorSettings(LayerSettings):
    channels: tuple[Width, ...] = Field(
        (64, 32, 16), min_length=2, max_length=6, description="channels at first and after each doubling"
    )
    mapping_layers: int = Field(4, ge=1, le=32, description="fully connected layers from z to w")
    mapping_lr: float = Field(
        0.01,
        gt=0.0,
        le=1.0,
        description="their learning rate beside the other layers', with `init: equalised`",
    )
    styling: Literal["demodulate", "adain"] = Field(
        "demodulate", description="of convolutions by w: their weights (Karras et al. 2020), or their outputs (2019)"
    )
    noise: bool = Field(True, description="add noise of learnt strength after each convolution")
    style_mixing: float = Field(
        0.9, ge=0.0, le=1.0, description="share of images whose last layers take another w, while training"
    )
    norm: Literal["none"] = Field("none", description=_NO_NORM)


class StyleCriticSettings(CriticLayerSettings):
    channels: tuple[Width, ...] = Field(
        (16, 32, 64), min_length=2, max_length=6, description="channels at full size and after each halving"
    )
    dense: tuple[Width, ...] = Field((128,), min_length=1, max_length=8, description="widths of the layers after them")
    norm: Literal["none"] = Field("none", description=_NO_NORM)


class StyleSettings(LabelledLatentSettings):
    """A style-based generator and its residual critic (Karras et al. 2019 and 2020)."""

    has_style_space: ClassVar[bool] = True

    name: Literal["style"] = "style"
    latent_dim: int = Field(64, ge=1, le=4096, description="length of z")
    style_dim: int = Field(64, ge=1, le=4096, description="length of w")
    init: Init = Field("equalised", description=INITS)
    generator: StyleGeneratorSettings = StyleGeneratorSettings()
    critic: StyleCriticSettings = StyleCriticSettings()

    def size_problem(self, image_size: int) -> tuple[str, str] | None:
        """Say which setting asks for more halvings than the size allows, and what to do; None if all fit."""
        for role, settings, each in (
            ("generator", self.generator, "doublings"),
            ("critic", self.critic, "halvings"),
        ):
            count, setting = len(settings.channels) - 1, f"`model.{role}.channels`"
            repair = f"give {setting} fewer values"
            if image_size % 2**count:
                return f"{setting} has {count} {each}, but {halves(image_size)}", repair
            if role == "generator" and self.generator.styling == "adain" and image_size == 2**count:
                return f"{setting} has so many values that {SINGLE_PIXELS}", repair
        return None
