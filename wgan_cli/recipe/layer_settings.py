"""Settings that model families share: layers, critics and latent vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from wgan_cli.recipe.decoding_types import DIVISOR, LARGEST, SMALLEST, Size
from wgan_cli.recipe.settings import Settings, invalid

Width = Annotated[int, Field(ge=1, le=8192)]
Norm = Annotated[
    Literal["none", "batch", "instance", "layer"], Field(description="Normalization of the hidden layers.")
]
Norms = Annotated[
    Annotated[Norm, Tag("one")] | Annotated[tuple[Norm, ...], Tag("list")],
    Discriminator(lambda given: "list" if isinstance(given, list | tuple) else "one"),  # errors name a list's item
    Field(description="Normalization of the hidden layers; a list has one for each."),
]
Activation = Annotated[
    Literal["relu", "leaky_relu", "elu", "silu", "gelu", "tanh"], Field(description="Activation of the hidden layers.")
]
UPSAMPLE = (
    "Upsampling: transpose (transposed convolution); icnr, the same, started as interpolation (Aitken et al. "
    "2017); nearest or bilinear interpolation before a convolution (Odena et al. 2016)."
)
Upsample = Annotated[Literal["transpose", "icnr", "nearest", "bilinear"], Field(description=UPSAMPLE)]
INIT = (
    "Weight initialization: normal, N(0, 0.02); he (He et al. 2015); glorot (Glorot and Bengio 2010); torch; or "
    "equalised, N(0, 1) with He's scale applied in every forward pass (Karras et al. 2018)."
)
Init = Annotated[Literal["normal", "he", "glorot", "torch", "equalised"], Field(description=INIT)]
LatentDim = Annotated[int, Field(ge=1, le=4096, description="Length of z.")]
Condition = Literal["embedding", "projection", "classifier"]
SpectralNorm = Annotated[bool, Field(description="Spectral normalization of every layer (Miyato et al. 2018).")]
CriticTrait = Literal["batch_norm", "minibatch_features", "minibatch_std", "dropout", "spectral_norm", "weight_norm"]
WeightNorm = Annotated[bool, Field(description="Weight normalization of every layer (Salimans and Kingma 2016).")]
#: Roles of a family that also has an encoder and a classifier.
ALL_ROLES = ("generator", "critic", "encoder", "classifier")


class LayerSettings(Settings):
    """Hidden layers of any network."""

    norm: Norms = "none"
    activation: Activation = "leaky_relu"
    slope: float = Field(0.2, ge=0.0, le=1.0, description="Negative slope of LeakyReLU.")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="Dropout probability after each hidden layer.")

    @property
    def layers_with_norm(self) -> int:
        """Number of layers that may each have a norm of their own; 0 if they share one."""
        return 0

    def norm_of(self, layer: int) -> Norm:
        """Return the norm of a hidden layer, counted from 0."""
        return self.norm if isinstance(self.norm, str) else self.norm[layer]

    @property
    def has_batch_norm(self) -> bool:
        """True if any hidden layer has batch norm."""
        return "batch" in ((self.norm,) if isinstance(self.norm, str) else self.norm)


class CriticLayerSettings(LayerSettings):
    """Hidden layers of a critic."""

    spectral_norm: SpectralNorm = False
    weight_norm: WeightNorm = False
    minibatch_std: bool = Field(False, description="Minibatch standard deviation as an input (Karras et al. 2018).")
    minibatch_features: int = Field(
        0, ge=0, le=1024, description="Minibatch discrimination features, which compare images (Salimans et al. 2016)."
    )


class FamilySettings(Settings):
    """Networks of one family."""

    translates: ClassVar[bool] = False  # the generator maps images to images
    roles: ClassVar[tuple[str, ...]] = ("generator", "critic")  # networks that the family has
    has_style_space: ClassVar[bool] = False  # the generator maps z to a style w, and w to an image
    if TYPE_CHECKING:  # declared by every family
        name: str
        latent_dim: int
        init: Init
        conditional: bool
        condition: Condition
        generator: LayerSettings
        critic: CriticLayerSettings

    @model_validator(mode="after")
    def _check_norm_lists(self) -> FamilySettings:
        for role in ("generator", "critic"):
            own = getattr(self, role)
            if isinstance(own, LayerSettings) and isinstance(own.norm, tuple) and len(own.norm) != own.layers_with_norm:
                problem = f"`model.{role}.norm` lists {len(own.norm)} layers, and "
                if count := own.layers_with_norm:
                    raise invalid(f"{problem}there are {count}", "give one norm for each layer, or one for all of them")
                raise invalid(f"{problem}none here has a norm of its own", f"give `model.{role}.norm` one norm")
        return self

    @model_validator(mode="after")
    def _check_weight_norm(self) -> FamilySettings:
        if setting := self.critic_setting("weight_norm"):
            other = self.critic_setting("spectral_norm") or (
                "model.init: equalised" if self.init == "equalised" else None
            )
            if other:
                problem = f"`{setting}` and `{other}` both rescale the critic's weights"
                raise invalid(problem, f"leave out `{setting}`, or `{other}`")
        return self

    def critic_setting(self, trait: CriticTrait) -> str | None:
        """Return the setting that gives the critic a trait, or None."""
        if trait == "batch_norm":
            return "model.critic.norm" if self.critic.has_batch_norm else None
        return f"model.critic.{trait}" if getattr(self.critic, trait, None) else None

    def classifier_setting(self, trait: CriticTrait) -> str | None:
        """Return the setting that gives a trait to a classifier with layers of its own, or None."""
        return None

    @property
    def generator_batch_norm(self) -> str | None:
        """Setting that gives the generator batch norm, or None."""
        return "model.generator.norm" if self.generator.has_batch_norm else None

    @property
    def penalty_conflict(self) -> str | None:
        """Setting that invalidates a per-sample gradient penalty, or None.

        minibatch_std doesn't: Karras et al. penalize the gradient of the summed scores with it, with a gradient
        penalty in 2018 and with R1 in 2020.
        """
        return self.critic_setting("batch_norm") or self.critic_setting("minibatch_features")

    @property
    def batch_coupling(self) -> str | None:
        """Setting that makes an image's score depend on the rest of its batch, or None."""
        return self.penalty_conflict or self.critic_setting("minibatch_std")

    @property
    def critic_options(self) -> CriticLayerSettings:
        """Settings that apply to the critic as a whole."""
        return self.critic

    def shows_critic(self, condition: Condition) -> bool:
        """Return True if the critic gets the labels in this way."""
        return self.conditional and self.condition == condition

    def size_limits(self) -> list[tuple[str, int, int]]:
        """Return the limits on the image size: a setting, how often it halves the size, and the fewest pixels left."""
        return []

    def size_problem(self, size: Size) -> tuple[str, str] | None:
        """Return message and hint if these networks don't fit an image size, else None."""
        for setting, halvings, smallest in self.size_limits():
            hint = f"lower `{setting}`" if setting.endswith("halvings") else f"give `{setting}` fewer values"
            divisor, (height, width) = 2**halvings, size
            if height % divisor or width % divisor:
                return f"`{setting}` divides the image size by {divisor}, and {height}x{width} is not divisible", hint
            if min(size) // divisor < smallest:
                left = f"{height // divisor}x{width // divisor} pixels of {height}x{width}"
                return f"`{setting}` leaves {left}, and the network needs {smallest}x{smallest}", hint
        return None

    def nearest_size(self, size: Size) -> Size:
        """Return the image size nearest to another one that these networks take."""
        step, least = DIVISOR, SMALLEST
        for _, halvings, smallest in self.size_limits():
            step, least = max(step, 2**halvings), max(least, smallest * 2**halvings)
        low, high = -(-least // step), LARGEST // step
        height, width = (step * min(max(low, round(side / step)), high) for side in size)
        return height, width


class LatentSettings(FamilySettings):
    """Family that generates from latent vectors z."""

    latent_dim: LatentDim = 100
    init: Init = "normal"
    conditional: bool = Field(False, description="Class-conditional training; `wgan sample --class` selects a class.")
    condition: Condition = Field(
        "projection",
        description="Labels in the critic: embedding (an extra channel), projection (Miyato and Koyama 2018) or "
        "classifier (auxiliary classifier, Odena et al. 2017).",
    )
    encoder_labels: bool = Field(True, description="Labels as an image channel of the encoder, if there is one.")


class ConditionalLatentSettings(LatentSettings):
    """Family whose generator concatenates a class embedding to z."""

    label_encoding: Literal["embedding", "one_hot"] = Field("embedding", description="Form of the class next to z.")
    label_dim: int = Field(32, ge=1, le=4096, description="Length of the class embedding, if conditional.")

    @model_validator(mode="after")
    def _check_label_dim(self) -> ConditionalLatentSettings:
        if self.label_encoding == "one_hot" and self.label_dim != type(self).model_fields["label_dim"].default:
            raise invalid(
                "`model.label_dim` has no effect with `model.label_encoding: one_hot`",
                "leave out `model.label_dim`, or set `model.label_encoding` to embedding",
            )
        return self
