"""`model:` in a recipe: one class per network family, told apart by `name`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wgan_cli.recipe.base import Settings

Width = Annotated[int, Field(ge=1, le=8192)]
Norm = Literal["none", "batch", "instance", "layer"]
Activation = Literal["relu", "leaky_relu", "elu", "silu", "gelu", "tanh"]
Init = Literal["normal", "he", "torch"]
Condition = Literal["embedding", "projection", "classifier"]


class LayerSettings(Settings):
    """What the hidden layers of any network have in common."""

    norm: Norm = Field("none", description="normalisation after each hidden layer")
    activation: Activation = Field("leaky_relu", description="after each hidden layer")
    slope: float = Field(0.2, ge=0.0, le=1.0, description="LeakyReLU's slope below zero")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="share of each hidden layer's outputs set to zero")


class CriticLayerSettings(LayerSettings):
    """What the critic of any family has besides."""

    spectral_norm: bool = Field(
        False, description="divide each layer's weights by their largest stretch (Miyato et al. 2018)"
    )
    minibatch_std: bool = Field(False, description="show the score how much a batch varies (Karras et al. 2018)")
    minibatch_features: int = Field(
        0, ge=0, le=1024, description="numbers on how like its batch an image is (Salimans et al. 2016)"
    )

    @property
    def mixes_images(self) -> str | None:
        """The setting by which an image's score depends on the others of its batch, or None."""
        mixing = {
            "norm": self.norm == "batch",
            "minibatch_std": self.minibatch_std,
            "minibatch_features": self.minibatch_features > 0,
        }
        return next((setting for setting, mixes in mixing.items() if mixes), None)


class FamilySettings(Settings):
    """What every family of networks has: z, first weights, and how labels enter."""

    latent_dim: int = Field(100, ge=1, le=4096, description="length of z")
    init: Init = Field("normal", description="first weights: `normal` N(0, 0.02), `he` (He et al. 2015), `torch`")
    conditional: bool = Field(False, description="learn the classes of the data, to sample the one asked for")
    condition: Condition = Field("projection", description="how the critic learns of classes, if conditional")
    label_dim: int = Field(32, ge=1, le=4096, description="length of a class's embedding beside z, if conditional")

    def shows_critic(self, way: Condition) -> bool:
        """Whether the critic learns of classes in this way."""
        return self.conditional and self.condition == way


class MlpGeneratorSettings(LayerSettings):
    widths: tuple[Width, ...] = Field(
        (128, 256, 512, 1024), min_length=1, max_length=32, description="hidden layers, in order"
    )
    norm: Norm = "batch"


class MlpCriticSettings(CriticLayerSettings):
    widths: tuple[Width, ...] = Field((512, 256), min_length=1, max_length=32, description="hidden layers, in order")


class MlpSettings(FamilySettings):
    """Fully connected networks on the flattened image (Goodfellow et al. 2014)."""

    name: Literal["mlp"] = "mlp"
    init: Init = Field("torch", description="first weights: `normal` N(0, 0.02), `he` (He et al. 2015), `torch`")
    generator: MlpGeneratorSettings = MlpGeneratorSettings()
    critic: MlpCriticSettings = MlpCriticSettings()

    def size_problem(self, image_size: int) -> None:
        """Every size fits a fully connected network."""


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


class DcganSettings(FamilySettings):
    """Strided convolutions (Radford et al. 2016)."""

    name: Literal["dcgan"] = "dcgan"
    generator: DcganGeneratorSettings = DcganGeneratorSettings()
    critic: DcganCriticSettings = DcganCriticSettings()

    def size_problem(self, image_size: int) -> tuple[str, str] | None:
        """Say which setting asks for more halvings than the size allows, and the most it allows; None if all fit."""
        for role, settings in (("generator", self.generator), ("critic", self.critic)):
            if image_size % 2 ** len(settings.channels):
                most = (image_size & -image_size).bit_length() - 1
                return (
                    f"model.{role}.channels",
                    f"{len(settings.channels)} stages, but {image_size} halves {most} times",
                )
            if settings.norm == "instance" and image_size == 2 ** len(settings.channels):
                return f"model.{role}.channels", "so many stages that instance norm would see single pixels"
        return None


ModelSettings = Annotated[MlpSettings | DcganSettings, Field(discriminator="name")]
