"""Settings of an autoencoder and GAN in one."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from wgan_cli.recipe.layer_settings import EVERY_ROLE, Condition
from wgan_cli.recipe.objective_settings import TargetSettings


class CvaeGanSettings(TargetSettings):
    """Conditional variational autoencoder and GAN: an encoder finds the z of an image, the generator makes it again.

    The critic is taught by cross-entropy; generator and encoder never see its answer, but compare features.
    """

    paper: ClassVar[str] = "Bao et al. 2017, CVAE-GAN: Fine-Grained Image Generation through Asymmetric Training"
    roles: ClassVar[tuple[str, ...]] = EVERY_ROLE
    conditions: ClassVar[tuple[Condition, ...]] = ("embedding", "projection")
    needs_classes: ClassVar[bool] = True
    pairs_images: ClassVar[bool] = True
    keeps: ClassVar[tuple[dict[str, int], ...]] = (
        {"critic": 3},  # real images, their copies and samples
        {"classifier": 1},
        {"generator": 2, "critic": 2, "classifier": 2},  # of copies and samples
        {"encoder": 1, "generator": 1, "critic": 1, "classifier": 1},
    )

    name: Literal["cvae_gan"] = "cvae_gan"
    kl_weight: float = Field(3.0, ge=0.0, le=1e6, description="of how far the encoder's z are from normal; lambda 1")
    pixel_weight: float = Field(1.0, ge=0.0, le=1e6, description="of how far a copy's pixels are from the image's")
    critic_pair_weight: float = Field(1.0, ge=0.0, le=1e6, description="of the same in the critic's features")
    class_pair_weight: float = Field(1.0, ge=0.0, le=1e6, description="of the same in the classifier's features")
    critic_mean_weight: float = Field(
        1e-3, ge=0.0, le=1e6, description="of how far samples' mean is from real images', in the critic; lambda 3"
    )
    class_mean_weight: float = Field(
        1e-3, ge=0.0, le=1e6, description="of the same for each class, in the classifier; lambda 4"
    )
