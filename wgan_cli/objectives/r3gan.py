"""Relativistic pairing: the critic judges which image of a pair is real."""

from torch import Tensor
from torch.nn import functional as F

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.objective import Loss, Objective
from wgan_cli.objectives.terms import Term, critic_loss_term
from wgan_cli.recipe import ImageShape, Recipe


def r3gan(recipe: Recipe, image: ImageShape) -> Objective:
    """R3GAN (Huang et al. 2024, section 2): relativistic pairing with R1 and R2 penalties."""
    terms = (
        Term("pair_probability", "probability that the critic gives the real image of a pair; 0.5 if it only guesses"),
        critic_loss_term("cross-entropy of that choice; 0.69 if the critic only guesses"),
        Term("generator_loss", "cross-entropy of the opposite choice; 0.69 if the critic only guesses"),
    )
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, paired_generator=generator_loss, terms=terms))


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
    """Return mean softplus(critic(fake_n) - critic(real_n))."""
    margin = real_scores - fake_scores  # (N,)
    return Loss(F.softplus(-margin).mean(), {"pair_probability": margin.sigmoid().mean()})


def generator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return mean softplus(critic(real_n) - critic(fake_n))."""
    return F.softplus(real_scores - fake_scores).mean()
