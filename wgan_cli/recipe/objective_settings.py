"""`objective:` in a recipe: what objectives share, and those of one critic and one generator."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from wgan_cli.recipe.base import Settings
from wgan_cli.recipe.layer_settings import Condition

_NO_NAMING = "is for a critic that names classes, and {} has a classifier of its own for that"
_NO_TARGETS = "is for a critic that is taught target values, and the critic of {} only ranks images"
#: Settings that some objectives have: why the others cannot, and which have them.
_OF_SOME = {
    "label_smoothing": (_NO_TARGETS, "gan or lsgan"),
    "fake_smoothing": (_NO_TARGETS, "gan or lsgan"),
    "label_flip": (_NO_TARGETS, "gan or lsgan"),
    "saturating": ("chooses between two forms of the cross-entropy, and {} has none", "gan"),
    "clip_value": ("bounds the weights of a critic that has no other bound, and {} needs none", "wgan"),
    "ac_weight": (_NO_NAMING, "gan or wgan_gp"),
    "generator_ac_weight": (_NO_NAMING, "gan or wgan_gp"),
}


class AnyObjective(Settings):
    """What recipe, networks and data must know of an objective.

    translates: True if the generator maps images to images. roles: networks that are trained.
    conditions: ways in which its critic can learn of classes. needs_classes: whether it is for conditional models
    alone. pairs_images: whether it compares what networks see in an image and in its copy, which must then be of that
    image alone, and unchanged. keeps: of each kind of step, how many images' activations are kept at once in which
    network.
    """

    paper: ClassVar[str]
    translates: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ("generator", "critic")
    conditions: ClassVar[tuple[Condition, ...]] = get_args(Condition)
    needs_classes: ClassVar[bool] = False
    pairs_images: ClassVar[bool] = False
    keeps: ClassVar[tuple[dict[str, int], ...]]


class CriticGameSettings(AnyObjective):
    """What every objective has in which a critic tells real from fake.

    penalty_weights: settings, any of which penalises the gradient of every image's own score unless it is 0.
    """

    penalty_weights: ClassVar[tuple[str, ...]] = ("gp_weight", "r1_weight", "r2_weight")
    # A critic's step: real and fake, the points between them, and twice more for the penalty's two derivatives.
    keeps: ClassVar[tuple[dict[str, int], ...]] = ({"critic": 2 + 1 + 2}, {"generator": 1, "critic": 1})

    n_critic: int = Field(1, ge=1, le=100, description="critic steps before each generator step")
    gp_weight: float = Field(0.0, ge=0.0, le=1e6, description="of the penalty on slopes that are not 1; lambda")
    gp_every: int = Field(1, ge=1, le=100, description="penalise every so many critic steps, as many times as hard")
    gp_sided: Literal["two", "one"] = Field(
        "two", description="penalise slopes on both sides of 1, or only above it (WGAN-LP, Petzka et al. 2018)"
    )
    gp_at: Literal["between", "real"] = Field(
        "between", description="penalise between real and fake, or around real images (DRAGAN, Kodali et al. 2017)"
    )
    r1_weight: float = Field(
        0.0, ge=0.0, le=1e6, description="gamma of half the squared slope at real images (Mescheder et al. 2018)"
    )
    r2_weight: float = Field(0.0, ge=0.0, le=1e6, description="gamma of half the squared slope at fake images")
    instance_noise: float = Field(
        0.0, ge=0.0, le=10.0, description="standard deviation, at first, of noise on all that the critic sees"
    )
    instance_noise_steps: int = Field(2000, ge=1, description="steps after which that noise has faded away")

    @model_validator(mode="before")
    @classmethod
    def _makes_sense_here(cls, values: Any) -> Any:
        for setting in values if isinstance(values, dict) else ():
            if setting in _OF_SOME and setting not in cls.model_fields:
                why, others = _OF_SOME[setting]
                raise ValueError(
                    f"`objective.{setting}` {why.format(cls.model_fields['name'].default)}|"
                    f"leave it out, or set `objective.name` to {others}"
                )
        return values

    @property
    def penalties(self) -> tuple[str, ...]:
        """Those of `penalty_weights` that are in force."""
        return tuple(name for name in self.penalty_weights if getattr(self, name))


class AdversarialSettings(CriticGameSettings):
    """What every objective of one critic and one generator has."""

    path_length_weight: float = Field(
        0.0, ge=0.0, le=1e6, description="of the penalty on a generator whose image answers unequally to steps in w"
    )
    path_length_every: int = Field(
        4, ge=1, le=100, description="penalise it every so many steps, as many times as hard"
    )
    ac_weight: float = Field(
        1.0, ge=0.0, le=1e6, description="of the critic's naming of classes, with `model.condition: classifier`"
    )
    generator_ac_weight: float = Field(
        0.1, ge=0.0, le=1e6, description="of how it names the generator's images, with `model.condition: classifier`"
    )


class TargetSettings(CriticGameSettings):
    """What an objective has whose critic is taught 1 for real images and 0 for fake ones."""

    label_smoothing: float = Field(
        0.0, ge=0.0, lt=0.5, description="the target of real images is so much less than 1 (Salimans et al. 2016)"
    )
    fake_smoothing: float = Field(0.0, ge=0.0, lt=0.5, description="the target of fake images is so much more than 0")
    label_flip: float = Field(
        0.0, ge=0.0, lt=0.5, description="share of images that the critic is taught the wrong target of"
    )


class GanSettings(TargetSettings, AdversarialSettings):
    """Generative adversarial network with cross-entropy: the critic's scores are logits of being real."""

    name: Literal["gan"] = "gan"
    saturating: bool = Field(
        False, description="the generator lowers log(1 - D) as in the proof, instead of raising log D"
    )

    @property
    def paper(self) -> str:
        """The paper, whichever penalty makes it another's."""
        if self.path_length_weight:
            return "Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN"
        if self.r1_weight:
            return "Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?"
        if self.gp_weight and self.gp_at == "real":
            return "Kodali et al. 2017, On Convergence and Stability of GANs"
        return "Goodfellow et al. 2014, Generative Adversarial Nets"


class LsganSettings(TargetSettings, AdversarialSettings):
    """Least squares GAN: the critic's scores aim at 1 for real images and at 0 for fake ones."""

    paper: ClassVar[str] = "Mao et al. 2017, Least Squares Generative Adversarial Networks"

    name: Literal["lsgan"] = "lsgan"


class HingeSettings(AdversarialSettings):
    """GAN with hinge losses: scores above 1 for real images and below -1 for fake ones are good enough."""

    paper: ClassVar[str] = "Lim and Ye 2017, Geometric GAN; Miyato et al. 2018, Spectral Normalization"

    name: Literal["hinge"] = "hinge"


class WganSettings(AdversarialSettings):
    """Wasserstein GAN with weight clipping.

    Batch norm in the critic is allowed, as the authors have it: clipping asks nothing of the score of a single image.
    The critic's slope then depends on the batch, and so does the unknown factor in the distance that it estimates.
    """

    paper: ClassVar[str] = "Arjovsky et al. 2017, Wasserstein GAN"

    name: Literal["wgan"] = "wgan"
    n_critic: int = Field(5, ge=1, le=100, description="critic steps before each generator step")
    clip_value: float = Field(0.01, gt=0.0, le=100.0, description="the critic's weights stay within it, either sign")


class WganGpSettings(AdversarialSettings):
    """Wasserstein GAN with gradient penalty."""

    name: Literal["wgan_gp"] = "wgan_gp"
    gp_weight: float = Field(10.0, ge=0.0, le=1e6, description="the paper's lambda")
    n_critic: int = Field(5, ge=1, le=100, description="critic steps before each generator step")

    @property
    def paper(self) -> str:
        """The paper, also where a setting makes it another's."""
        if self.gp_sided == "one":
            return "Petzka et al. 2018, On the Regularization of Wasserstein GANs"
        return "Gulrajani et al. 2017, Improved Training of Wasserstein GANs"


class R3ganSettings(AdversarialSettings):
    """Relativistic pairs of real and fake, with both zero-centred penalties."""

    paper: ClassVar[str] = "Huang et al. 2024, The GAN is dead; long live the GAN!"

    name: Literal["r3gan"] = "r3gan"
    r1_weight: float = Field(1.0, ge=0.0, le=1e6, description="gamma of half the squared slope at real images")
    r2_weight: float = Field(1.0, ge=0.0, le=1e6, description="gamma of half the squared slope at fake images")
