"""Objectives: the losses of the GAN family as phases of an iteration."""

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.objective import Batch, Loss, NetworksByRole, Objective, Phase, settings_of
from wgan_cli.objectives.penalties import gradient_norms, gradient_penalty, zero_centered_penalty
from wgan_cli.objectives.registry import OBJECTIVES, build_objective
from wgan_cli.objectives.terms import Check, Term, critic_loss_term

__all__ = [
    "OBJECTIVES",
    "AdversarialLoss",
    "Batch",
    "Check",
    "Loss",
    "NetworksByRole",
    "Objective",
    "Phase",
    "Term",
    "adversarial_objective",
    "build_objective",
    "critic_loss_term",
    "gradient_norms",
    "gradient_penalty",
    "settings_of",
    "zero_centered_penalty",
]
