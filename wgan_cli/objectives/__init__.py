"""Objectives: the losses of the GAN family as phases of an iteration."""

from wgan_cli.objectives.objective import Batch, Loss, Objective, Phase
from wgan_cli.objectives.registry import OBJECTIVES, build_objective
from wgan_cli.objectives.terms import Check

__all__ = ["OBJECTIVES", "Batch", "Check", "Loss", "Objective", "Phase", "build_objective"]
