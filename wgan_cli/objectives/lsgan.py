"""Least squares GAN: quadratic instead of cross-entropy losses, so that confident samples still get a gradient."""

from torch import Tensor

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.label_smoothing import fake_targets, real_targets
from wgan_cli.objectives.objective import Loss, Objective, settings_of
from wgan_cli.objectives.terms import Term, critic_loss_term
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.objective_settings import LsganSettings


def lsgan(recipe: Recipe, image: ImageShape) -> Objective:
    """LSGAN (Mao et al. 2017, eq. 9) with target 1 for real images, 0 for samples, and 1 in the generator's loss."""
    settings = settings_of(recipe, LsganSettings)

    def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
        """mean (critic(real) - 1)^2 / 2 + mean critic(fake)^2 / 2, or with smoothed targets."""
        real_loss = (real_scores - real_targets(settings, real_scores)).square().mean()
        fake_loss = (fake_scores - fake_targets(settings, fake_scores)).square().mean()
        terms = {"real_score": real_scores.mean(), "fake_score": fake_scores.mean()}
        return Loss(0.5 * real_loss + 0.5 * fake_loss, terms)

    real_target, fake_target = 1 - settings.label_smoothing, settings.fake_smoothing
    guess = "" if settings.label_flip else f"; {((real_target - fake_target) / 2) ** 2:.2g} if it only guesses"
    terms = (
        Term("real_score", f"mean score of real images; target: {real_target:g}"),
        Term("fake_score", f"mean score of samples; target: {fake_target:g}; rises as the samples improve"),
        critic_loss_term(f"half the squared distance of the scores from their targets{guess}"),
        Term("generator_loss", "half the squared distance of the samples' scores from 1"),
    )
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, generator_loss, terms=terms))


def generator_loss(fake_scores: Tensor) -> Tensor:
    """Return mean (critic(fake) - 1)^2 / 2."""
    return 0.5 * (fake_scores - 1).square().mean()
