"""What a run says while it learns nothing, though all its numbers are numbers."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

SAME_SAMPLES = 1.0  # of 255 grey levels: less spread than this in every pixel shows to nobody
YOUNG = 100  # steps; a generator that has hardly begun gives grey, and a critic is steep
ZERO_LOSS = 1e-4
HUGE_LOSS = 1e4
LONG = 500  # steps in which a critic wins or loses, before that is no passing thing
CERTAIN = 0.99  # a probability at which nothing is left to learn
APART, SAME = 0.2, 0.005  # differences of two probabilities: clearly told apart, and not at all
FAR_PENALTY = 2.0  # it starts at 1, where the critic is flat, and falls
FARTHER_PENALTY = 50.0  # while young: a gp_weight of 1 lets it rise to over 20 in single steps before it falls


class Health:
    """Gives a warning in words once, and again only after what it warned of was over."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._varied = False
        self._told_apart = False
        self._since: dict[str, int] = {}

    def of_terms(self, terms: Mapping[str, float], step: int) -> list[str]:
        """Warnings from the means of the losses' terms since the last record, at a step."""
        warnings = self._of_probabilities(terms, step)
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
                penalty > (FARTHER_PENALTY if step < YOUNG else FAR_PENALTY),
                f"gradient_penalty is {penalty:.3g}, far from its aim 0: the critic is steeper than its loss can bear; "
                "try a lower optim.critic.lr or a larger objective.gp_weight",
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

    def _of_probabilities(self, terms: Mapping[str, float], step: int) -> list[str]:
        """Of a critic that says how probably an image is real; one that only guesses from the start is fine."""
        real, fake = terms.get("real_probability"), terms.get("fake_probability")
        if real is None or fake is None:
            return []
        said = f"D(real) is {real:.2f} and D(fake) {fake:.2f} for {LONG} steps: "
        self._told_apart = self._told_apart or real - fake > APART
        lost = fake - real > APART or (self._told_apart and abs(real - fake) < SAME)
        return self._once(
            "wins",
            self._lasts("wins", real > CERTAIN and fake < 1 - CERTAIN, step),
            f"{said}the critic wins outright, and the generator learns little from it; try a lower optim.critic.lr, "
            "objective.r1_weight=1 or objective.instance_noise=0.2",
        ) + self._once(
            "lost",
            self._lasts("lost", lost, step),
            f"{said}the critic tells real from fake no longer; try a higher optim.critic.lr or a larger "
            "objective.n_critic",
        )

    def _lasts(self, kind: str, ill: bool, step: int) -> bool:
        if not ill:
            self._since.pop(kind, None)
            return False
        return step - self._since.setdefault(kind, step) >= LONG

    def _once(self, kind: str, ill: bool, words: str) -> list[str]:
        if not ill:
            self._said.discard(kind)
            return []
        if kind in self._said:
            return []
        self._said.add(kind)
        return [f"warning: {words}"]
