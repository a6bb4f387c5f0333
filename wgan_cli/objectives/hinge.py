"""Hinge losses: the critic ignores images that it classifies correctly by a margin."""

from torch import Tensor
from torch.nn import functional as F

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.objective import Loss, Objective
from wgan_cli.objectives.terms import Term, critic_loss_term
from wgan_cli.objectives.wgan import GENERATOR_LOSS, generator_loss
from wgan_cli.recipe import ImageShape, Recipe


def hinge(recipe: Recipe, image: ImageShape) -> Objective:
    """GAN with hinge losses (Lim and Ye 2017; Miyato et al. 2018, eqs. 16 and 17)."""
    terms = (
        Term("real_score", "mean score of real images; target: above 1"),
        Term("fake_score", "mean score of samples; target: below -1"),
        critic_loss_term("distance to those margins; 2 if the critic only guesses, 0 if it is always right"),
        GENERATOR_LOSS,
    )
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, generator_loss, terms=terms))


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
    """Return mean max(0, 1 - critic(real)) + mean max(0, 1 + critic(fake))."""
    total = F.relu(1 - real_scores).mean() + F.relu(1 + fake_scores).mean()
    return Loss(total, {"real_score": real_scores.mean(), "fake_score": fake_scores.mean()})
