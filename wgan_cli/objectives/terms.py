"""Logged terms: what each value means, and checks that warn when a run stops learning."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wgan_cli.recipe.objective_base import CriticGameSettings

Values = Mapping[str, float]

ZERO_LOSS = 1e-4
EXPLODED_LOSS = 1e4
CERTAIN = 0.99  # probability at which the critic has nothing left to learn
SEPARATED, EQUAL = 0.2, 0.005  # differences of D(real) and D(fake) that count as clearly different and as the same
PATIENCE = 500  # steps that a one-sided game has to last before it is reported


@dataclass(frozen=True)
class Check:
    """Condition on the logged values under which a run learns nothing.

    Attributes:
        failing: (values by term name, step) -> True while the condition holds.
        message: format string over the values.
        advice: settings to try.
        patience: steps for which the check must fail before it is reported.
        armed: the check counts only once this has been true for some record; None means from the start.
    """

    failing: Callable[[Values, int], bool]
    message: str
    advice: str
    patience: int = 0
    armed: Callable[[Values], bool] | None = None


@dataclass(frozen=True)
class Term:
    """Value that a loss logs: its name, its meaning in a few words, and the checks on it."""

    name: str
    meaning: str
    checks: tuple[Check, ...] = ()


def critic_loss_term(meaning: str) -> Term:
    """Return `critic_loss` with checks for a vanished and an exploded loss."""
    zero = Check(
        failing=lambda values, _: abs(values["critic_loss"]) < ZERO_LOSS,
        message="critic_loss is {critic_loss:.2g}: the critic no longer tells real from fake, or does so too easily, "
        "and the generator learns nothing from it",
        advice="a higher optim.critic.lr",
    )
    exploded = Check(
        failing=lambda values, _: abs(values["critic_loss"]) > EXPLODED_LOSS,
        message="critic_loss explodes: {critic_loss:.3g}",
        advice="a lower optim.critic.lr",
    )
    return Term("critic_loss", meaning, (zero, exploded))


def probability_terms(settings: CriticGameSettings) -> tuple[Term, Term]:
    """Return `real_probability` and `fake_probability`, with checks for a critic that wins or loses for long."""
    probabilities = f"D(real) is {{real_probability:.2f}} and D(fake) {{fake_probability:.2f}} for {PATIENCE} steps: "
    remedies = ["a lower optim.critic.lr"]
    if not settings.r1_weight:
        remedies.append("objective.r1_weight=1")
    if not settings.instance_noise and not settings.compares_features:
        remedies.append("objective.instance_noise=0.2")
    wins = Check(
        failing=lambda values, _: values["real_probability"] > CERTAIN and values["fake_probability"] < 1 - CERTAIN,
        message=probabilities
        + "the critic separates real from fake almost perfectly, and the generator learns little from it",
        advice=", ".join(remedies[:-1]) + (" or " if remedies[:-1] else "") + remedies[-1],
        patience=PATIENCE,
    )
    loses = Check(  # armed, because a critic that only guesses at the start of a run is fine
        failing=lambda values, _: _lead(values) < -SEPARATED or abs(_lead(values)) < EQUAL,
        message=probabilities + "the critic no longer tells real from fake",
        advice="a higher optim.critic.lr or a larger objective.n_critic",
        patience=PATIENCE,
        armed=lambda values: abs(_lead(values)) > SEPARATED,
    )
    return (
        Term("real_probability", "probability of being real that the critic gives to real images", (wins, loses)),
        Term("fake_probability", "the same for samples; approaches real_probability as they improve"),
    )


def _lead(values: Values) -> float:
    return values["real_probability"] - values["fake_probability"]
