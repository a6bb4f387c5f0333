"""Settings that model families share: layers, critics and latent vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from wgan_cli.recipe.base import Settings

Width = Annotated[int, Field(ge=1, le=8192)]
Norm = Literal["none", "batch", "instance", "layer"]
Activation = Literal["relu", "leaky_relu", "elu", "silu", "gelu", "tanh"]
Init = Literal["normal", "he", "glorot", "torch", "equalised"]
INIT = (
    "Weight initialization: normal, N(0, 0.02); he (He et al. 2015); glorot (Glorot and Bengio 2010); torch; or "
    "equalised, N(0, 1) with He's scale applied in every forward pass (Karras et al. 2018)."
)
Condition = Literal["embedding", "projection", "classifier"]
#: Roles of a family that also has an encoder and a classifier.
ALL_ROLES = ("generator", "critic", "encoder", "classifier")


class LayerSettings(Settings):
    """Hidden layers of any network."""

    norm: Norm = Field("none", description="Normalization after each hidden layer.")
    activation: Activation = Field("leaky_relu", description="Activation after each hidden layer.")
    slope: float = Field(0.2, ge=0.0, le=1.0, description="Negative slope of LeakyReLU.")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="Dropout probability after each hidden layer.")


class CriticLayerSettings(LayerSettings):
    """Hidden layers of a critic."""

    spectral_norm: bool = Field(False, description="Spectral normalization of every layer (Miyato et al. 2018).")
    minibatch_std: bool = Field(
        False, description="Minibatch standard deviation as an extra input of the last layers (Karras et al. 2018)."
    )
    minibatch_features: int = Field(
        0, ge=0, le=1024, description="Number of minibatch discrimination features (Salimans et al. 2016)."
    )

    @property
    def batch_coupling(self) -> str | None:
        """Setting that makes an image's score depend on the rest of its batch, or None."""
        coupled = {
            "norm": self.norm == "batch",
            "minibatch_std": self.minibatch_std,
            "minibatch_features": self.minibatch_features > 0,
        }
        return next((setting for setting, couples in coupled.items() if couples), None)

    @property
    def penalty_conflict(self) -> str | None:
        """Setting that invalidates a per-sample gradient penalty, or None.

        minibatch_std doesn't: Karras et al. penalize the gradient of the summed scores with it, with a gradient
        penalty in 2018 and with R1 in 2020.
        """
        if self.norm == "batch":
            return "norm"
        return "minibatch_features" if self.minibatch_features else None


class SizeLimit(NamedTuple):
    """Limit that a network sets on the image size.

    Attributes:
        setting: setting that causes it.
        halvings: number of times the size is halved (critic) or doubled (generator).
        smallest: lowest number of pixels allowed at the smallest size.
        hint: the fix.
    """

    setting: str
    halvings: int
    smallest: int
    hint: str


class FamilySettings(Settings):
    """Networks of one family.

    Attributes:
        translates: True if the generator maps images to images.
        roles: networks that the family has.
        has_style_space: True if the generator maps z to a style w, and w to an image.
    """

    translates: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ("generator", "critic")
    has_style_space: ClassVar[bool] = False
    if TYPE_CHECKING:  # declared by every family
        name: str
        latent_dim: int
        init: Init
        conditional: bool
        condition: Condition
        generator: LayerSettings
        critic: CriticLayerSettings

    def shows_critic(self, condition: Condition) -> bool:
        """Return True if the critic gets the labels in this way."""
        return self.conditional and self.condition == condition

    def size_limits(self) -> list[SizeLimit]:
        """Return the limits on the image size; none by default."""
        return []

    def size_problem(self, image_size: int) -> tuple[str, str] | None:
        """Return message and hint if these networks don't fit an image size, else None."""
        for setting, halvings, smallest, hint in self.size_limits():
            left, rest = divmod(image_size, 2**halvings)
            if rest:
                return f"`{setting}` divides the image size by {2**halvings}, and {image_size} is not divisible", hint
            if left < smallest:
                pixels = f"{left}x{left} pixels of {image_size}x{image_size}"
                return f"`{setting}` leaves {pixels}, and the network needs {smallest}x{smallest}", hint
        return None


class LatentSettings(FamilySettings):
    """Family that generates from latent vectors z."""

    latent_dim: int = Field(100, ge=1, le=4096, description="Length of z.")
    init: Init = Field("normal", description=INIT)
    conditional: bool = Field(False, description="Class-conditional training; `wgan sample --class` selects a class.")
    condition: Condition = Field(
        "projection",
        description="Conditioning of the critic: embedding (label as an extra channel), projection (Miyato and Koyama "
        "2018) or classifier (auxiliary classifier, Odena et al. 2017).",
    )


class ConditionalLatentSettings(LatentSettings):
    """Family whose generator concatenates a class embedding to z."""

    label_dim: int = Field(32, ge=1, le=4096, description="Length of the class embedding, if conditional.")
