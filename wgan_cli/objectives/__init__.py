"""Objectives by name: each turns its settings into phases."""

from __future__ import annotations

from wgan_cli.objectives.base import Batch, Loss, Networks, Objective, Phase
from wgan_cli.objectives.wgan import wgan_gp
from wgan_cli.recipe import Recipe

OBJECTIVES = {"wgan_gp": wgan_gp}

__all__ = ["OBJECTIVES", "Batch", "Loss", "Networks", "Objective", "Phase", "build_objective"]


def build_objective(recipe: Recipe) -> Objective:
    """The objective that a recipe names, as its networks need it."""
    return OBJECTIVES[recipe.objective.name](recipe)
