"""Objectives: roles, phases and losses of every GAN in the package."""

from wgan_cli.objectives.base import Batch, Loss, Networks, Objective, Phase
from wgan_cli.objectives.build import OBJECTIVES, build_objective

__all__ = ["OBJECTIVES", "Batch", "Loss", "Networks", "Objective", "Phase", "build_objective"]
