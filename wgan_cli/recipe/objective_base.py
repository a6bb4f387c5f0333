"""Settings that objectives share: penalties, regularization and targets, and what data and networks they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from wgan_cli.recipe.data_settings import DataSettings, PairSettings
from wgan_cli.recipe.layer_settings import Condition, FamilySettings
from wgan_cli.recipe.settings import Settings, invalid

Weight = Annotated[float, Field(ge=0.0, le=1e6)]
Smoothing = Annotated[float, Field(ge=0.0, lt=0.5)]
Interval = Annotated[int, Field(ge=1, le=100)]
CriticSteps = Annotated[Interval, Field(description="Critic steps per generator step.")]
GpWeight = Annotated[Weight, Field(description="Gradient penalty weight (lambda in Gulrajani et al. 2017).")]
R1Weight = Annotated[
    Weight, Field(description="R1 weight gamma: half of it times the squared gradient at real images.")
]
R2Weight = Annotated[
    Weight, Field(description="R2 weight gamma: half of it times the squared gradient at fake images.")
]
#: Settings that only have an effect if one of these weights isn't 0.
_NEEDS = {
    "gp_sided": ("gp_weight",),
    "gp_points": ("gp_weight",),
    "instance_noise_steps": ("instance_noise",),
    "path_length_every": ("path_length_weight",),
}


class AnyObjective(Settings):
    """Properties of an objective that data and networks depend on."""

    paper: ClassVar[str]
    summary: ClassVar[str] = ""  # a word or two
    translates: ClassVar[bool] = False  # the generator maps images to images
    roles: ClassVar[tuple[str, ...]] = ("generator", "critic")  # networks that are trained
    conditions: ClassVar[tuple[Condition, ...]] = get_args(Condition)  # supported values of `model.condition`
    needs_classes: ClassVar[bool] = False  # only conditional models can be trained
    compares_features: ClassVar[bool] = False  # of an image and its reconstruction
    #: For each kind of step, the number of images per network whose activations are kept at once.
    activation_counts: ClassVar[tuple[dict[str, int], ...]]
    if TYPE_CHECKING:  # declared by every objective
        name: str
        penalties: tuple[str, ...]

    def is_changed(self, setting: str) -> bool:
        """Return True if a setting isn't at its default."""
        return getattr(self, setting) != type(self).model_fields[setting].default

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
        setting = model.penalty_conflict
        if setting and self.penalties:
            weights = " and ".join(f"`objective.{weight}`" for weight in self.penalties)
            raise invalid(
                f"`{setting}` does not work with a gradient penalty: the penalty is per sample, and it couples the "
                "samples of a batch",
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
    """Return the fix for a setting of `model` that couples the images of a batch."""
    return f"set `{setting}` to layer, instance or none" if setting.endswith("norm") else f"leave out `{setting}`"


class CriticGameSettings(AnyObjective):
    """Objective with a critic that separates real from fake images."""

    #: Settings that enable a per-sample gradient penalty if they aren't 0.
    penalty_weights: ClassVar[tuple[str, ...]] = ("gp_weight", "r1_weight", "r2_weight")
    # Critic step: real and fake images, the points between them, and twice more for the two derivatives of the penalty.
    activation_counts: ClassVar[tuple[dict[str, int], ...]] = ({"critic": 2 + 1 + 2}, {"generator": 1, "critic": 1})

    n_critic: CriticSteps = 1
    gp_weight: GpWeight = 0.0
    gp_every: Interval = Field(1, description="Critic steps between penalties; each is scaled by this number.")
    gp_sided: Literal["two", "one"] = Field(
        "two", description="Penalized norms: two (all but 1) or one (above 1; WGAN-LP, Petzka et al. 2018)."
    )
    gp_points: Literal["interpolates", "real"] = Field(
        "interpolates", description="Penalized points: interpolates, or real (perturbed; DRAGAN, Kodali et al. 2017)."
    )
    r1_weight: R1Weight = 0.0
    r2_weight: R2Weight = 0.0
    instance_noise: float = Field(
        0.0, ge=0.0, le=10.0, description="Standard deviation of noise on the critic's inputs."
    )
    instance_noise_steps: int = Field(2000, ge=1, description="Steps over which instance noise fades to zero.")

    @model_validator(mode="after")
    def _reject_settings_without_effect(self) -> CriticGameSettings:
        for setting, weights in {**_NEEDS, "gp_every": self.penalty_weights}.items():
            known = setting in type(self).model_fields
            if known and self.is_changed(setting) and not any(getattr(self, name) for name in weights):
                names = " or ".join(f"`objective.{name}`" for name in weights)
                raise invalid(
                    f"`objective.{setting}` has no effect without {names}",
                    f"set {names} above 0, or leave out `objective.{setting}`",
                )
        return self

    @property
    def penalties(self) -> tuple[str, ...]:
        """Members of `penalty_weights` that aren't 0."""
        return tuple(name for name in self.penalty_weights if getattr(self, name))


class AdversarialSettings(CriticGameSettings):
    """Objective of one critic and one generator."""

    path_length_weight: Weight = Field(0.0, description="Path length regularization weight (Karras et al. 2020).")
    path_length_every: Interval = Field(4, description="Steps between path length regularizations, scaled by it.")
    ac_weight: Weight = Field(1.0, description="Critic's classification loss weight (`model.condition: classifier`).")
    generator_ac_weight: Weight = Field(0.1, description="Generator's classification loss weight.")

    def check_fit(self, data: DataSettings | PairSettings, model: FamilySettings) -> None:
        super().check_fit(data, model)
        for setting in ("ac_weight", "generator_ac_weight"):
            if self.is_changed(setting) and not model.shows_critic("classifier"):
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

    label_smoothing: Smoothing = Field(0.0, description="Real targets are 1 minus this (Salimans et al. 2016).")
    fake_smoothing: Smoothing = Field(0.0, description="Target of fake images, instead of 0.")
    label_flip: Smoothing = Field(0.0, description="Probability that an image gets the wrong target.")
