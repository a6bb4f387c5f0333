"""`objective:` in a recipe: one class of settings for each objective."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from wgan_cli.recipe import objective_base as base
from wgan_cli.recipe.data_settings import DataSettings, PairSettings
from wgan_cli.recipe.layer_settings import ALL_ROLES, Condition, CriticTrait, FamilySettings
from wgan_cli.recipe.objective_base import AdversarialSettings, TargetSettings, Weight
from wgan_cli.recipe.settings import invalid

_COUPLED_OR_RANDOM: tuple[CriticTrait, ...] = ("batch_norm", "minibatch_features", "minibatch_std", "dropout")


class GanSettings(TargetSettings, AdversarialSettings):
    """GAN with cross-entropy: the critic's scores are logits of being real."""

    summary: ClassVar[str] = "cross-entropy"

    name: Literal["gan"] = "gan"
    saturating: bool = Field(False, description="Generator loss log(1 - D), as in the proof, instead of -log D.")

    @property
    def paper(self) -> str:
        """Reference of the variant that these settings select."""
        variants = {
            "path_length_weight": "Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN",
            "r1_weight": "Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?",
            "gp_points": "Kodali et al. 2017, On Convergence and Stability of GANs",
        }
        chosen = (paper for setting, paper in variants.items() if self.is_changed(setting))
        return next(chosen, "Goodfellow et al. 2014, Generative Adversarial Nets")


class LsganSettings(TargetSettings, AdversarialSettings):
    """Least squares GAN: the critic's scores approach 1 for real and 0 for fake images."""

    paper: ClassVar[str] = "Mao et al. 2017, Least Squares Generative Adversarial Networks"
    summary: ClassVar[str] = "least squares"

    name: Literal["lsgan"] = "lsgan"


class HingeSettings(AdversarialSettings):
    """GAN with hinge losses: scores above 1 for real and below -1 for fake images cost nothing."""

    paper: ClassVar[str] = "Lim and Ye 2017, Geometric GAN; Miyato et al. 2018, Spectral Normalization"
    summary: ClassVar[str] = "hinge loss"

    name: Literal["hinge"] = "hinge"


class WganSettings(AdversarialSettings):
    """Wasserstein GAN with weight clipping.

    Batch norm in the critic is allowed, as in the paper: clipping doesn't depend on the score of a single image. The
    critic's Lipschitz constant, and so the unknown factor of the estimated distance, then depends on the batch.
    """

    paper: ClassVar[str] = "Arjovsky et al. 2017, Wasserstein GAN"
    summary: ClassVar[str] = "weight clipping"

    name: Literal["wgan"] = "wgan"
    n_critic: base.CriticSteps = 5
    clip_value: float = Field(0.01, gt=0.0, le=100.0, description="Bound on the magnitude of the critic's weights.")

    def check_fit(self, data: DataSettings | PairSettings, model: FamilySettings) -> None:
        super().check_fit(data, model)
        if setting := model.critic_setting("spectral_norm") or model.critic_setting("weight_norm"):
            raise invalid(
                f"`objective.clip_value` has no effect with the norm of `{setting}`, which rescales the weights",
                f"leave out `{setting}`, or set `objective.name` to hinge",
            )
        if model.init == "equalised":
            raise invalid(
                "`objective.clip_value` does not work with `model.init: equalised`, which rescales the clipped weights",
                "set `model.init` to he, or `objective.name` to wgan_gp",
            )


class WganGpSettings(AdversarialSettings):
    """Wasserstein GAN with gradient penalty."""

    summary: ClassVar[str] = "gradient penalty"

    name: Literal["wgan_gp"] = "wgan_gp"
    gp_weight: base.GpWeight = 10.0
    n_critic: base.CriticSteps = 5

    @property
    def paper(self) -> str:
        """Reference of the variant that these settings select."""
        if self.gp_sided == "one":
            return "Petzka et al. 2018, On the Regularization of Wasserstein GANs"
        return "Gulrajani et al. 2017, Improved Training of Wasserstein GANs"


class R3ganSettings(AdversarialSettings):
    """Relativistic GAN with R1 and R2 penalties."""

    paper: ClassVar[str] = "Huang et al. 2024, The GAN is dead; long live the GAN!"
    summary: ClassVar[str] = "relativistic"

    name: Literal["r3gan"] = "r3gan"
    r1_weight: base.R1Weight = 1.0
    r2_weight: base.R2Weight = 1.0


class CvaeGanSettings(TargetSettings):
    """Conditional variational autoencoder and GAN: the encoder maps an image to z, the generator reconstructs it.

    The critic is trained with cross-entropy; generator and encoder never see its scores, but compare features.
    """

    paper: ClassVar[str] = "Bao et al. 2017, CVAE-GAN: Fine-Grained Image Generation through Asymmetric Training"
    summary: ClassVar[str] = "autoencoder"
    roles: ClassVar[tuple[str, ...]] = ALL_ROLES
    conditions: ClassVar[tuple[Condition, ...]] = ("embedding", "projection")
    needs_classes: ClassVar[bool] = True
    compares_features: ClassVar[bool] = True
    activation_counts: ClassVar[tuple[dict[str, int], ...]] = (
        {"critic": 3},  # real images, their reconstructions and samples
        {"classifier": 1},
        {"generator": 2, "critic": 2, "classifier": 2},  # reconstructions and samples
        {"encoder": 1, "generator": 1, "critic": 1, "classifier": 1},
    )

    name: Literal["cvae_gan"] = "cvae_gan"
    kl_weight: Weight = Field(3.0, description="KL divergence weight (lambda 1 in Bao et al. 2017).")
    pixel_weight: Weight = Field(1.0, description="Pixel reconstruction loss weight.")
    pixel_loss: Literal["mse", "bce"] = Field(
        "mse", description="Pixel loss: mse, or bce (cross-entropy of values in [0, 1]); summed over pixels."
    )
    critic_pair_weight: Weight = Field(1.0, description="Reconstruction loss weight in the critic's features.")
    class_pair_weight: Weight = Field(1.0, description="Reconstruction loss weight in the classifier's features.")
    critic_mean_weight: Weight = Field(1e-3, description="Mean feature matching weight (lambda 3 in Bao et al. 2017).")
    class_mean_weight: Weight = Field(1e-3, description="Mean feature matching weight per class (lambda 4).")
    adversarial_weight: Weight = Field(0.0, description="Weight of -log D of generated images.")
    classifier_weight: Weight = Field(0.0, description="Weight of the classifier's cross-entropy on generated images.")

    def check_fit(self, data: DataSettings | PairSettings, model: FamilySettings) -> None:
        super().check_fit(data, model)
        variable = (
            model.batch_coupling,
            model.critic_setting("dropout"),
            *(model.classifier_setting(trait) for trait in _COUPLED_OR_RANDOM),
            "data.diff_augment" if data.diff_augment not in ((), "auto") else None,
            "objective.instance_noise" if self.instance_noise else None,
        )
        if setting := next(filter(None, variable), None):
            problem = f"`{setting}` makes features of an image depend on chance or its batch"
            purpose = f"{self.name} compares them with those of its reconstruction"
            raise invalid(f"{problem}, and {purpose}", base.uncouple_hint(setting))


class CycleganSettings(base.AnyObjective):
    """Two translators trained for cycle consistency, and a critic for each side."""

    paper: ClassVar[str] = "Zhu et al. 2017, Unpaired Image-to-Image Translation (CycleGAN)"
    summary: ClassVar[str] = "translation"
    translates: ClassVar[bool] = True
    penalties: ClassVar[tuple[str, ...]] = ()
    instance_noise: ClassVar[float] = 0.0
    # Each translator: there, back, and identity; each critic: real and fake images.
    activation_counts: ClassVar[tuple[dict[str, int], ...]] = ({"generator": 3, "critic": 1}, {"critic": 2})

    name: Literal["cyclegan"] = "cyclegan"
    cycle_weight: Weight = Field(10.0, description="Cycle consistency weight (lambda in Zhu et al. 2017).")
    identity_weight: Weight = Field(5.0, description="Identity loss weight (lambda / 2 in Zhu et al. 2017).")
    pool_size: int = Field(50, ge=0, le=10_000, description="Earlier translations kept for each side's critic.")


ObjectiveSettings = Annotated[
    WganGpSettings
    | WganSettings
    | GanSettings
    | LsganSettings
    | HingeSettings
    | R3ganSettings
    | CvaeGanSettings
    | CycleganSettings,
    Field(discriminator="name"),
]
