"""What a run says while it learns nothing, though all its numbers are numbers."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

SAME_SAMPLES = 1.0  # of 255 grey levels: less spread than this in every pixel shows to nobody
YOUNG = 100  # steps; a generator that has hardly begun gives grey, whatever the latent vector
ZERO_LOSS = 1e-4
HUGE_LOSS = 1e4
FAR_PENALTY = 2.0  # it starts at 1, where the critic is flat, and falls


class Health:
    """Gives a warning in words once, and again only after what it warned of was over."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._varied = False

    def of_terms(self, terms: Mapping[str, float]) -> list[str]:
        """Warnings from the means of the losses' terms."""
        warnings = []
        loss, penalty = terms.get("critic_loss"), terms.get("gradient_penalty")
        if loss is not None:
            warnings += self._once(
                "zero",
                abs(loss) < ZERO_LOSS,
                f"critic_loss is {loss:.2g}: the critic tells real from fake no longer, or too easily, and the "
                "generator learns nothing from it; try a higher optim.critic.lr",
            )
            warnings += self._once(
                "huge", abs(loss) > HUGE_LOSS, f"critic_loss explodes: {loss:.3g}; try a lower optim.critic.lr"
            )
        if penalty is not None:
            warnings += self._once(
                "penalty",
                penalty > FAR_PENALTY,
                f"gradient_penalty is {penalty:.3g}, far from its aim 0: the critic is too steep for its loss to be a "
                "distance; try a lower optim.critic.lr or a larger objective.gp_weight",
            )
        return warnings

    def of_samples(self, images: Tensor, step: int) -> list[str]:
        """Warnings from samples of different latent vectors, (N, C, H, W) uint8."""
        if len(images) < 2:
            return []
        spread = images.float().std(dim=0).max().item()
        self._varied = self._varied or spread >= SAME_SAMPLES
        if not self._varied and step < YOUNG:
            return []
        return self._once(
            "same",
            spread < SAME_SAMPLES,
            f"all samples look the same (they differ by {spread:.2g} of 255 grey levels): the generator has collapsed; "
            "try a lower optim.generator.lr or a larger objective.n_critic",
        )

    def _once(self, kind: str, ill: bool, words: str) -> list[str]:
        if not ill:
            self._said.discard(kind)
            return []
        if kind in self._said:
            return []
        self._said.add(kind)
        return [f"warning: {words}"]
