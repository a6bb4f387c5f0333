"""What families of networks share in a recipe: their layers, their critics, and z."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from wgan_cli.recipe.base import Settings

Width = Annotated[int, Field(ge=1, le=8192)]
Norm = Literal["none", "batch", "instance", "layer"]
Activation = Literal["relu", "leaky_relu", "elu", "silu", "gelu", "tanh"]
Init = Literal["normal", "he", "glorot", "torch", "equalised"]
INITS = (
    "first weights: `normal` N(0, 0.02), `he` (He et al. 2015), `glorot` (Glorot and Bengio 2010), `torch`, or "
    "`equalised`, N(0, 1) scaled as He's in every pass (Karras et al. 2018)"
)
Condition = Literal["embedding", "projection", "classifier"]
#: Networks of a family that has an encoder and a classifier beside the usual two.
EVERY_ROLE = ("generator", "critic", "encoder", "classifier")
SINGLE_PIXELS = "instance norm would see single pixels"


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

    @property
    def spoils_penalties(self) -> str | None:
        """Of those settings the one that leaves a penalty of each image's own gradient without meaning, or None.

        How much a batch varies does not: Karras et al. penalise the gradient of all scores' sum beside it, with a
        gradient penalty in 2018 and with R1 in 2020.
        """
        if self.norm == "batch":
            return "norm"
        return "minibatch_features" if self.minibatch_features else None


class FamilySettings(Settings):
    """What every family of networks has: z, first weights, and whether and how they know of classes.

    translates: True if the generator maps images to images. roles: networks that the family has. has_style_space: True
    if the generator maps z to a style w, and w to an image.
    """

    translates: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ("generator", "critic")
    has_style_space: ClassVar[bool] = False

    latent_dim: int = Field(100, ge=1, le=4096, description="length of z")
    init: Init = Field("normal", description=INITS)
    conditional: bool = Field(False, description="learn the classes of the data, to sample the one asked for")
    condition: Condition = Field("projection", description="how the critic learns of classes, if conditional")

    def shows_critic(self, way: Condition) -> bool:
        """Whether the critic learns of classes in this way."""
        return self.conditional and self.condition == way

    def size_problem(self, image_size: int) -> tuple[str, str] | None:
        """What in these settings does not fit images of a size, and what to do; None, as here, if all of it does."""
        return None


class LabelledLatentSettings(FamilySettings):
    """Of families whose generator is told the class beside z."""

    label_dim: int = Field(32, ge=1, le=4096, description="length of a class's embedding beside z, if conditional")


def halves(image_size: int) -> str:
    """How often a size can be halved, in words."""
    return f"{image_size} halves {(image_size & -image_size).bit_length() - 1} times"
