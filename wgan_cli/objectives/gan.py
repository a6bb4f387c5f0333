"""The original GAN: the critic's score is the logit of an image being real."""

from torch import Tensor
from torch.nn import functional as F

from wgan_cli.objectives.adversarial import AdversarialLoss, adversarial_objective
from wgan_cli.objectives.label_smoothing import cross_entropy_meaning, fake_targets, real_targets
from wgan_cli.objectives.objective import Loss, Objective, settings_of
from wgan_cli.objectives.terms import Term, critic_loss_term, probability_terms
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.objective_settings import GanSettings


def gan(recipe: Recipe, image: ImageShape) -> Objective:
    """GAN with cross-entropy (Goodfellow et al. 2014, eq. 1). The critic returns logits; D is their sigmoid."""
    settings = settings_of(recipe, GanSettings)

    def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Loss:
        """-mean log D(real) - mean log(1 - D(fake)); in general, cross-entropy with the targets."""
        real_loss = F.binary_cross_entropy_with_logits(real_scores, real_targets(settings, real_scores))
        fake_loss = F.binary_cross_entropy_with_logits(fake_scores, fake_targets(settings, fake_scores))
        terms = {"real_probability": real_scores.sigmoid().mean(), "fake_probability": fake_scores.sigmoid().mean()}
        return Loss(real_loss + fake_loss, terms)

    terms = (
        *probability_terms(settings),
        critic_loss_term(cross_entropy_meaning(settings)),
        Term("generator_loss", "the critic's confidence that samples are fake; its level alone means little"),
    )
    generator_loss = saturating_loss if settings.saturating else non_saturating_loss
    return adversarial_objective(recipe, AdversarialLoss(critic_loss, generator_loss, terms=terms))


def non_saturating_loss(fake_scores: Tensor) -> Tensor:
    """Return -mean log D(fake), whose gradient is largest for the worst samples."""
    return F.softplus(-fake_scores).mean()


def saturating_loss(fake_scores: Tensor) -> Tensor:
    """Return mean log(1 - D(fake)), the negative of the critic's loss on samples."""
    return -F.softplus(fake_scores).mean()
