"""`model:` of the families that are made of plain layers: mlp, dcgan and resnet."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from wgan_cli.recipe.layer_settings import (
    EVERY_ROLE,
    INITS,
    SINGLE_PIXELS,
    Activation,
    CriticLayerSettings,
    FamilySettings,
    Init,
    LabelledLatentSettings,
    LayerSettings,
    Norm,
    Width,
    halves,
)


class MlpGeneratorSettings(LayerSettings):
    widths: tuple[Width, ...] = Field(
        (128, 256, 512, 1024), min_length=1, max_length=32, description="hidden layers, in order"
    )
    norm: Norm = "batch"


class MlpCriticSettings(CriticLayerSettings):
    widths: tuple[Width, ...] = Field((512, 256), min_length=1, max_length=32, description="hidden layers, in order")


class MlpSettings(LabelledLatentSettings):
    """Fully connected networks on the flattened image (Goodfellow et al. 2014)."""

    roles: ClassVar[tuple[str, ...]] = EVERY_ROLE

    name: Literal["mlp"] = "mlp"
    init: Init = Field("torch", description=INITS)
    generator: MlpGeneratorSettings = MlpGeneratorSettings()
    critic: MlpCriticSettings = MlpCriticSettings()


class DcganGeneratorSettings(LayerSettings):
    channels: tuple[Width, ...] = Field(
        (64, 32), min_length=1, max_length=5, description="channels before each doubling of the size, first to last"
    )
    kernel: int = Field(4, ge=2, le=9, description="of the transposed convolutions, in pixels")
    norm: Norm = "batch"
    activation: Activation = "relu"


class DcganCriticSettings(CriticLayerSettings):
    channels: tuple[Width, ...] = Field(
        (32, 64), min_length=1, max_length=5, description="channels after each halving of the size, first to last"
    )
    kernel: int = Field(5, ge=2, le=9, description="of the convolutions, in pixels")
    dense: tuple[Width, ...] = Field((), max_length=8, description="widths of fully connected hidden layers after them")


class DcganSettings(LabelledLatentSettings):
    """Strided convolutions (Radford et al. 2016)."""

    roles: ClassVar[tuple[str, ...]] = EVERY_ROLE

    name: Literal["dcgan"] = "dcgan"
    generator: DcganGeneratorSettings = DcganGeneratorSettings()
    critic: DcganCriticSettings = DcganCriticSettings()

    def size_problem(self, image_size: int) -> tuple[str, str] | None:
        """Say which setting asks for more halvings than the size allows, and what to do; None if all fit."""
        for role, settings in (("generator", self.generator), ("critic", self.critic)):
            stages, setting = len(settings.channels), f"`model.{role}.channels`"
            repair = f"give {setting} fewer values"
            if image_size % 2**stages:
                return f"{setting} has {stages} stages, but {halves(image_size)}", repair
            if settings.norm == "instance" and image_size == 2**stages:
                return f"{setting} has so many stages that {SINGLE_PIXELS}", repair
        return None


class ResnetGeneratorSettings(LayerSettings):
    channels: tuple[Width, ...] = Field(
        (128, 128, 128, 128), min_length=2, max_length=6, description="channels at first and after each doubling"
    )
    norm: Norm = Field("batch", description="normalisation before each activation")
    activation: Activation = Field("relu", description="before each convolution of a block")


class ResnetCriticSettings(CriticLayerSettings):
    channels: tuple[Width, ...] = Field(
        (128, 128, 128, 128), min_length=1, max_length=16, description="channels after each block, first to last"
    )
    halvings: int = Field(2, ge=1, le=5, description="how many of the blocks, from the first, halve the size")
    norm: Norm = Field("none", description="normalisation before each activation, but in the first block")
    activation: Activation = Field("relu", description="before each convolution of a block")

    @model_validator(mode="after")
    def _blocks_that_halve(self) -> ResnetCriticSettings:
        if self.halvings > len(self.channels):
            raise ValueError(
                f"`model.critic.halvings` is {self.halvings}, and `model.critic.channels` gives {len(self.channels)} "
                "blocks to halve|lower `model.critic.halvings`, or give `model.critic.channels` more values"
            )
        return self


class ResnetSettings(FamilySettings):
    """Residual networks (Gulrajani et al. 2017, appendix F)."""

    roles: ClassVar[tuple[str, ...]] = EVERY_ROLE

    name: Literal["resnet"] = "resnet"
    latent_dim: int = Field(128, ge=1, le=4096, description="length of z")
    init: Init = Field("glorot", description=INITS)
    generator: ResnetGeneratorSettings = ResnetGeneratorSettings()
    critic: ResnetCriticSettings = ResnetCriticSettings()

    def size_problem(self, image_size: int) -> tuple[str, str] | None:
        """Say which setting asks for more halvings than the size allows, and what to do; None if all fit."""
        doublings, halvings = len(self.generator.channels) - 1, self.critic.halvings
        setting, repair = "`model.generator.channels`", "give `model.generator.channels` fewer values"
        if image_size % 2**doublings:
            return f"{setting} has {doublings} doublings, but {halves(image_size)}", repair
        if self.generator.norm == "instance" and image_size == 2**doublings:
            return f"{setting} has so many values that {SINGLE_PIXELS}", repair
        setting, repair = f"`model.critic.halvings` is {halvings}", "lower `model.critic.halvings`"
        if image_size % 2**halvings:
            return f"{setting}, but {halves(image_size)}", repair
        goes_on = halvings < len(self.critic.channels)
        if self.critic.norm == "instance" and image_size == 2**halvings and goes_on:
            return f"{setting}, so many that {SINGLE_PIXELS}", repair
        return None
