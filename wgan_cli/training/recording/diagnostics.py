"""Warnings about a run that learns nothing although all its values are finite."""

from collections.abc import Mapping

from torch import Tensor

from wgan_cli.objectives import Check, Objective

COLLAPSED_STD = 1.0  # of 255 gray levels: samples that differ less in every pixel look the same
EARLY_STEPS = 100  # an untrained generator returns uniform gray


class Diagnostics:
    """Run an objective's checks on each record, and warn once per failure until the check passes again."""

    def __init__(self, objective: Objective) -> None:
        self._terms = objective.terms
        self._collapsed = Check(
            failing=lambda values, _: values["std"] < COLLAPSED_STD,
            message="all samples look the same (they differ by {std:.2g} of 255 gray levels): "
            "the generator has collapsed",
            advice=objective.collapse_advice,
            armed=lambda values: values["std"] >= COLLAPSED_STD or values["step"] >= EARLY_STEPS,
        )
        self._armed: set[Check] = set()
        self._failing_since: dict[Check, int] = {}
        self._warned: set[Check] = set()

    def check_terms(self, values: Mapping[str, float], step: int) -> list[str]:
        """Return warnings about the terms' means since the last record."""
        return [
            warning
            for term in self._terms
            if term.name in values
            for check in term.checks
            for warning in self._run(check, values, step)
        ]

    def check_samples(self, images: Tensor, step: int) -> list[str]:
        """Return a warning if samples of different latent vectors, (N, C, H, W) uint8, look the same."""
        if len(images) < 2:
            return []
        std = images.float().std(dim=0).max().item()
        return self._run(self._collapsed, {"std": std, "step": step}, step)

    def _run(self, check: Check, values: Mapping[str, float], step: int) -> list[str]:
        if check.armed is None or check.armed(values):
            self._armed.add(check)
        if check not in self._armed or not check.failing(values, step):
            self._failing_since.pop(check, None)
            self._warned.discard(check)
            return []
        since = self._failing_since.setdefault(check, step)
        if check in self._warned or step - since < check.patience:
            return []
        self._warned.add(check)
        return [f"warning: {check.message.format_map(dict(values))}; try {check.advice}"]
