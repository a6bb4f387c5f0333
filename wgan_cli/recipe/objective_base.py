"""Settings that objectives share: penalties, regularization and targets, and what data and networks they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from wgan_cli.recipe.base import Settings, invalid
from wgan_cli.recipe.data_settings import DataSettings, PairSettings
from wgan_cli.recipe.layer_settings import Condition, FamilySettings

N_CRITIC = "Critic steps per generator step."
GP = "Gradient penalty weight (lambda in Gulrajani et al. 2017)."
R1 = "R1 weight: gamma of gamma/2 times the squared gradient norm at real images (Mescheder et al. 2018)."
R2 = "R2 weight: gamma of gamma/2 times the squared gradient norm at fake images (Mescheder et al. 2018)."
_NO_AC = "needs an auxiliary classifier in the critic, and {} trains a separate classifier"
_NO_TARGETS = "needs a critic with target values, and the critic of {} only ranks images"
#: Settings that only some objectives have: why the others don't, and which ones do.
_ELSEWHERE = {
    "label_smoothing": (_NO_TARGETS, "gan or lsgan"),
    "fake_smoothing": (_NO_TARGETS, "gan or lsgan"),
    "label_flip": (_NO_TARGETS, "gan or lsgan"),
    "saturating": ("selects a form of the cross-entropy loss, and {} has another loss", "gan"),
    "clip_value": ("bounds the critic's weights, and {} doesn't clip weights", "wgan"),
    "ac_weight": (_NO_AC, "gan or wgan_gp"),
    "generator_ac_weight": (_NO_AC, "gan or wgan_gp"),
}
#: Settings that only have an effect if one of these weights isn't 0.
_NEEDS = {
    "gp_sided": ("gp_weight",),
    "gp_points": ("gp_weight",),
    "instance_noise_steps": ("instance_noise",),
    "path_length_every": ("path_length_weight",),
}


class AnyObjective(Settings):
    """Properties of an objective that data and networks depend on.

    Attributes:
        paper: reference.
        translates: True if the generator maps images to images.
        roles: networks that are trained.
        conditions: supported values of `model.condition`.
        needs_classes: True if only conditional models can be trained.
        compares_features: True if features of an image are compared with those of its reconstruction; the critic must
            then be deterministic and treat each image separately.
        activation_counts: for each kind of step, the number of images per network whose activations are kept at once.
    """

    paper: ClassVar[str]
    translates: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ("generator", "critic")
    conditions: ClassVar[tuple[Condition, ...]] = get_args(Condition)
    needs_classes: ClassVar[bool] = False
    compares_features: ClassVar[bool] = False
    activation_counts: ClassVar[tuple[dict[str, int], ...]]
    if TYPE_CHECKING:  # declared by every objective
        name: str
        penalties: tuple[str, ...]

    def first_changed(self, values: dict[str, str]) -> str | None:
        """Return the value of the first setting that isn't at its default, or None."""
        fields = type(self).model_fields
        return next((value for key, value in values.items() if getattr(self, key) != fields[key].default), None)

    def check_fit(self, data: DataSettings | PairSettings, model: FamilySettings) -> None:
        """Reject data and networks that this objective can't train with.

        Raises: PydanticCustomError; see `invalid`.
        """
        if self.needs_classes and not model.conditional:
            raise invalid(
                f"{self.name} needs a conditional model, and `model.conditional` is false",
                "set `model.conditional` to true, and use images with classes",
            )
        if model.conditional and model.condition not in self.conditions:
            raise invalid(
                f"{self.name} does not support `model.condition: {model.condition}`",
                f"set `model.condition` to {' or '.join(self.conditions)}",
            )
        setting = model.critic.penalty_conflict
        if setting and self.penalties:
            weights = " and ".join(f"`objective.{weight}`" for weight in self.penalties)
            raise invalid(
                f"`model.critic.{setting}` does not work with a gradient penalty: the penalty is per sample, and "
                f"`{setting}` couples the samples of a batch",
                f"{uncouple_hint(setting)}, or set {weights} to 0",
            )


def unused_settings(objective: dict[str, Any]) -> list[str]:
    """Return the settings that have no effect because the weights they belong to are 0 or missing."""
    unused = [key for key, weights in _NEEDS.items() if not any(map(objective.get, weights))]
    return unused if any(map(objective.get, CriticGameSettings.penalty_weights)) else [*unused, "gp_every"]


def without_unused(recipe: dict[str, Any]) -> dict[str, Any]:
    """Drop objective settings without effect from a checkpoint's recipe, as earlier versions accepted them."""
    objective, model = (dict(recipe[section]) for section in ("objective", "model"))
    unused = unused_settings(objective)
    if not model.get("conditional") or model.get("condition") != "classifier":
        unused += ["ac_weight", "generator_ac_weight"]
    return {**recipe, "objective": {key: value for key, value in objective.items() if key not in unused}}


def uncouple_hint(setting: str) -> str:
    return "set `model.critic.norm` to layer, instance or none" if setting == "norm" else f"leave out `{setting}`"


class CriticGameSettings(AnyObjective):
    """Objective with a critic that separates real from fake images.

    Attributes:
        penalty_weights: settings that enable a per-sample gradient penalty if they aren't 0.
    """

    penalty_weights: ClassVar[tuple[str, ...]] = ("gp_weight", "r1_weight", "r2_weight")
    # Critic step: real and fake images, the points between them, and twice more for the two derivatives of the penalty.
    activation_counts: ClassVar[tuple[dict[str, int], ...]] = ({"critic": 2 + 1 + 2}, {"generator": 1, "critic": 1})

    n_critic: int = Field(1, ge=1, le=100, description=N_CRITIC)
    gp_weight: float = Field(0.0, ge=0.0, le=1e6, description=GP)
    gp_every: int = Field(
        1, ge=1, le=100, description="Interval of the penalties in critic steps; they are scaled up by it."
    )
    gp_sided: Literal["two", "one"] = Field(
        "two", description="Gradient norms to penalize: two (all but 1) or one (above 1; WGAN-LP, Petzka et al. 2018)."
    )
    gp_points: Literal["interpolates", "real"] = Field(
        "interpolates",
        description="Points of the gradient penalty: interpolates (between real and fake images) or real (perturbed "
        "real images; DRAGAN, Kodali et al. 2017).",
    )
    r1_weight: float = Field(0.0, ge=0.0, le=1e6, description=R1)
    r2_weight: float = Field(0.0, ge=0.0, le=1e6, description=R2)
    instance_noise: float = Field(
        0.0, ge=0.0, le=10.0, description="Initial standard deviation of noise added to the critic's inputs."
    )
    instance_noise_steps: int = Field(2000, ge=1, description="Steps over which that noise fades to zero.")

    @model_validator(mode="before")
    @classmethod
    def _reject_settings_of_others(cls, values: Any) -> Any:
        for setting in values if isinstance(values, dict) else ():
            if setting in _ELSEWHERE and setting not in cls.model_fields:
                why, others = _ELSEWHERE[setting]
                raise invalid(
                    f"`objective.{setting}` {why.format(cls.model_fields['name'].default)}",
                    f"leave it out, or set `objective.name` to {others}",
                )
        return values

    @model_validator(mode="after")
    def _reject_settings_without_effect(self) -> CriticGameSettings:
        for setting, weights in {**_NEEDS, "gp_every": self.penalty_weights}.items():
            field = type(self).model_fields.get(setting)
            if field is None or getattr(self, setting) == field.default or any(getattr(self, name) for name in weights):
                continue
            names = [f"`objective.{name}`" for name in weights]
            raise invalid(
                f"`objective.{setting}` has no effect, because {' and '.join(names)} "
                f"{'is' if len(names) == 1 else 'are'} 0",
                f"set {' or '.join(names)} above 0, or leave out `objective.{setting}`",
            )
        return self

    @property
    def penalties(self) -> tuple[str, ...]:
        """Members of `penalty_weights` that aren't 0."""
        return tuple(name for name in self.penalty_weights if getattr(self, name))


class AdversarialSettings(CriticGameSettings):
    """Objective of one critic and one generator."""

    path_length_weight: float = Field(
        0.0, ge=0.0, le=1e6, description="Path length regularization weight (Karras et al. 2020)."
    )
    path_length_every: int = Field(
        4, ge=1, le=100, description="Interval of path length regularization in steps; it is scaled up by it."
    )
    ac_weight: float = Field(
        1.0,
        ge=0.0,
        le=1e6,
        description="Weight of the critic's classification loss, with `model.condition: classifier`.",
    )
    generator_ac_weight: float = Field(
        0.1,
        ge=0.0,
        le=1e6,
        description="Weight of the generator's classification loss, with `model.condition: classifier`.",
    )

    def check_fit(self, data: DataSettings | PairSettings, model: FamilySettings) -> None:
        super().check_fit(data, model)
        for setting in ("ac_weight", "generator_ac_weight"):
            changed = getattr(self, setting) != type(self).model_fields[setting].default
            if changed and not model.shows_critic("classifier"):
                raise invalid(
                    f"`objective.{setting}` has no effect without an auxiliary classifier in the critic",
                    f"set `model.conditional` to true and `model.condition` to classifier, or leave out "
                    f"`objective.{setting}`",
                )
        if self.path_length_weight and not model.has_style_space:
            raise invalid(
                f"`objective.path_length_weight` needs a model with a style space, and {model.name} has none",
                "set `objective.path_length_weight` to 0, or `model.name` to style",
            )


class TargetSettings(CriticGameSettings):
    """Objective whose critic is trained towards 1 for real and 0 for fake images."""

    label_smoothing: float = Field(
        0.0,
        ge=0.0,
        lt=0.5,
        description="One-sided label smoothing: real targets are 1 minus this (Salimans et al. 2016).",
    )
    fake_smoothing: float = Field(0.0, ge=0.0, lt=0.5, description="Label smoothing of fake images: their targets.")
    label_flip: float = Field(0.0, ge=0.0, lt=0.5, description="Probability that an image gets the wrong target.")
