"""The recipe: every setting that determines what a run computes, typed and frozen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, ValidatorFunctionWrapHandler, WrapValidator, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from wgan_cli.recipe.data_settings import SIDES, AnyDataSettings, DataSettings
from wgan_cli.recipe.decoding_types import DIFF_AUGMENTS, SMALL_DATASET, Size
from wgan_cli.recipe.layer_settings import ALL_ROLES
from wgan_cli.recipe.model_settings import ModelSettings
from wgan_cli.recipe.objective_base import uncouple_hint
from wgan_cli.recipe.objective_settings import ObjectiveSettings, WganGpSettings
from wgan_cli.recipe.optim_settings import OPTIMIZERS, OptimSettings
from wgan_cli.recipe.scores import SELECTABLE
from wgan_cli.recipe.settings import Settings, classes_of, invalid, named_by

MOST_STEPS = 10**9


def _accept_units(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Accept `5 epochs` and `30 seconds` as they are, until the size of the data and the time of a step are known."""
    return value if isinstance(value, str) and _WITH_UNIT.fullmatch(value) else validate(value)


_WITH_UNIT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) (epoch|second|minute)s?")
#: Number of steps; before `in_steps` and `timed_in_steps` it may be text such as `5 epochs` or `30 seconds`.
Interval = Annotated[
    int,
    Field(ge=1),
    WrapValidator(_accept_units, json_schema_input_type=int | Annotated[str, Field(pattern=f"^{_WITH_UNIT.pattern}$")]),
    PlainSerializer(lambda value: value),
]
_INTERVALS = ("log_every", "sample_every", "save_every", "eval_every")


@dataclass(frozen=True)
class ImageShape:
    """Shape of images."""

    height: int  # in pixels
    width: int
    channels: int  # 1 to 16
    num_classes: int = 0  # 0 if there are no labels

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.height, self.width

    @property
    def pixels(self) -> int:
        """Number of values in one image."""
        return self.channels * self.height * self.width

    def divided(self, divisor: int) -> Size:
        """Return height and width divided by an integer, rounded down."""
        return self.height // divisor, self.width // divisor

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


MODELS, OBJECTIVES = classes_of(ModelSettings), classes_of(ObjectiveSettings)
#: Classes of the sections whose settings depend on their name.
MEMBERS = {"model": MODELS, "objective": OBJECTIVES, **{f"optim.{role}": OPTIMIZERS for role in ALL_ROLES}}
#: Sections that may be written as one word, `objective: wgan_gp` for `objective: {name: wgan_gp}`, and its key.
SHORT_FORMS = {**dict.fromkeys(("data", *SIDES), "source"), **dict.fromkeys(("model", "objective", *ALL_ROLES), "name")}
#: By `translates`: what networks do, the data they need, and an example.
_TASKS = {
    False: ("generates images from noise", "one set of images", "--set model=dcgan --set objective=wgan_gp"),
    True: ("translates images", "two sides, `a` and `b`", "--set model=translation --set objective=cyclegan"),
}


class Recipe(Settings):
    """Every setting that determines what a run computes. A step is one generator update."""

    name: str = Field("recipe", pattern=r"^\w[\w .+-]{0,99}$", description="Name of the run folder.")
    data: AnyDataSettings = DataSettings.default()
    model: Annotated[ModelSettings, named_by("name", ModelSettings, MODELS)]
    objective: Annotated[ObjectiveSettings, named_by("name", ObjectiveSettings, OBJECTIVES, "wgan_gp")] = (
        WganGpSettings.default()
    )
    optim: OptimSettings = OptimSettings.default()

    batch_size: int = Field(64, ge=1, le=65536, description="Real images per critic step, over all devices.")
    micro_batch_size: int | None = Field(None, ge=1, le=65536, description="Images per pass; default: all on a device.")
    sync_batch_norm: bool = Field(True, description="Batch norm statistics over all processes, not each one's shard.")
    steps: int | None = Field(None, ge=1, le=MOST_STEPS, description="Number of generator updates.")
    epochs: float | None = Field(None, gt=0.0, le=1e6, description="Passes over the data, instead of `steps`.")
    ema_decay: float = Field(
        0.999, ge=0.0, lt=1.0, description="Decay of the EMA, which generates the samples; 0 disables it."
    )
    freeze: int = Field(
        0, ge=0, le=1000, description="First layers of the critic that keep their weights (FreezeD, Mo et al. 2020)."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Random seed of weights, data order and noise.")
    amp: Literal["auto", "off", "bf16", "fp16"] = Field("auto", description="Automatic mixed precision.")
    tf32: bool = Field(False, description="TF32 matrix products and convolutions on NVIDIA GPUs.")
    deterministic: bool = Field(False, description="Deterministic GPU kernels, and a fixed number of CPU threads.")
    engine: Literal["auto", "eager", "graph", "compile"] = Field(
        "auto", description="Execution of an iteration: eager, graph (CUDA graph), compile (torch.compile) or auto."
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads; default: the fastest, measured before and during long runs."
    )

    log_every: Interval = Field(50, description="Steps between lines of metrics.jsonl, or e.g. 1 epoch or 10 seconds.")
    sample_every: Interval = Field(200, description="Steps between sample grids, or e.g. 5 epochs or 1 minute.")
    sample_grid: int = Field(10, ge=1, le=64, description="Rows and columns of a sample grid.")
    save_every: Interval = Field(1000, description="Steps between checkpoints, or e.g. 5 epochs or 1 minute.")
    keep: Annotated[int, Field(ge=1)] | Literal["all"] = Field(
        2, description="Number of full checkpoints kept, 1 or more, or all."
    )
    report: bool = Field(False, description="HTML report in the run folder at the end.")

    eval_every: Interval | None = Field(None, description="Steps between evaluations, or e.g. 5 epochs or 1 minute.")
    eval_count: int = Field(2000, ge=10, le=50_000, description="Number of images generated for each evaluation.")
    best_by: Literal[SELECTABLE] = Field(  # pyright: ignore[reportInvalidTypeForm]
        "fd", description="Score that selects the generator in G_best.pth."
    )
    patience: int | None = Field(None, ge=1, description="Evaluations without improvement before training stops.")

    @property
    def translates(self) -> bool:
        """True if the generator maps images to images, False if it generates them from noise."""
        return self.model.translates

    @model_validator(mode="after")
    def _check_sections(self) -> Recipe:
        if (self.steps is None) == (self.epochs is None):
            raise invalid("exactly one of `steps` and `epochs` must be set", "for example --set steps=5000")
        if self.patience is not None and self.eval_every is None:
            raise invalid(
                "`patience` needs evaluations, and `eval_every` is not set", "set `eval_every`, or leave out `patience`"
            )
        self._check_task()
        if self.eval_every is not None and self.best_by not in self.data.scores:
            raise invalid(
                f"`best_by` is {self.best_by}, which is not measured for {self.data.title}",
                f"set `best_by` to {' or '.join(self.data.scores)}, or leave out `eval_every`",
            )
        self._check_roles()
        self.objective.check_fit(self.data, self.model)
        self._check_batch_size()
        return self

    def _check_task(self) -> None:
        """Reject sections of which some generate images and others translate them."""
        objective, model = self.objective, self.model
        does, needs, use = _TASKS[objective.translates]
        if model.translates != objective.translates:
            other_does, _, other_use = _TASKS[model.translates]
            raise invalid(
                f"`objective.name` {objective.name} {does}, but `model.name` {model.name} {other_does}",
                f"use {use}, or {other_use}",
            )
        if self.data.translates != objective.translates:
            _, given, other_use = _TASKS[self.data.translates]
            raise invalid(
                f"`objective.name` {objective.name} {does} and needs {needs}, but `data` is {given}",
                f"give `data` {needs}, or use {other_use}",
            )

    def _check_roles(self) -> None:
        """Reject networks that one section needs or configures, but another doesn't have."""
        name, roles, model = self.objective.name, self.objective.roles, self.model
        if missing := next((role for role in roles if role not in model.roles), None):
            families = " or ".join(name for name, family in MODELS.items() if missing in family.roles)
            raise invalid(
                f"{name} trains {', '.join(roles)}, but `model.name` {model.name} has no {missing}",
                f"set `model.name` to {families}, or choose another objective",
            )
        optional = ("encoder", "classifier")
        if unused := next((role for role in optional if role not in roles and getattr(self.optim, role)), None):
            raise invalid(
                f"`optim.{unused}` is set, but {name} trains no {unused}",
                f"leave out `optim.{unused}`; {name} trains {' and '.join(roles)}",
            )

    def _check_batch_size(self) -> None:
        """Reject a batch of one image for networks that look at the whole batch."""
        setting = self.model.generator_batch_norm or self.model.batch_coupling
        if self.batch_size == 1 and setting:
            raise invalid(
                f"`batch_size` is 1, but `{setting}` needs at least 2 images",
                f"raise `batch_size`, or {uncouple_hint(setting)}",
            )

    def in_steps(self, images: int, images_per_step: int, images_before: int = 0) -> Recipe:
        """Return the recipe with `epochs`, and intervals in epochs, as numbers of steps.

        Args:
            images: number of training images. images_per_step: real images shown in one iteration.
            images_before: images that earlier steps showed beyond `images_per_step` each; `epochs` count them.
        """

        def steps(epochs: float, images_before: int = 0) -> int:
            return max(1, round((epochs * images - images_before) / images_per_step))

        changes: dict[str, Any] = {name: steps(number) for name, number in self._intervals_in("epoch").items()}
        if self.epochs is not None:
            changes |= {"steps": steps(self.epochs, images_before), "epochs": None}
        return self.replaced(**changes) if changes else self

    def num_micro_batches(self, processes: int) -> int:
        """Return into how many parts each of some processes splits its share of the batch: few, and of equal size."""
        local, limit = self.batch_size // processes, self.micro_batch_size
        if limit is None or limit >= local:
            return 1
        return next(count for count in range(-(-local // limit), local + 1) if local % count == 0)

    @property
    def times_intervals(self) -> bool:
        """True if an interval is in seconds or minutes."""
        return bool(self._intervals_in("second") or self._intervals_in("minute"))

    def timed_in_steps(self, step_seconds: float) -> Recipe:
        """Return the recipe with intervals in seconds and minutes as numbers of steps, rounded to two digits."""
        changes: dict[str, Any] = {}
        for unit, seconds in (("second", 1), ("minute", 60)):
            for name, number in self._intervals_in(unit).items():
                changes[name] = max(1, int(float(f"{number * seconds / step_seconds:.2g}")))
        return self.replaced(**changes) if changes else self

    def _intervals_in(self, unit: str) -> dict[str, float]:
        """Return the intervals that are given in a unit."""
        given = {name: _WITH_UNIT.fullmatch(str(getattr(self, name))) for name in _INTERVALS}
        return {name: float(found[1]) for name, found in given.items() if found and found[2] == unit}

    def with_diff_augment(self, images: int) -> Recipe:
        """Return the recipe with `data.diff_augment: auto` resolved for a number of training images."""
        if self.data.diff_augment != "auto":
            return self
        chosen = DIFF_AUGMENTS if images < SMALL_DATASET and not self.objective.compares_features else ()
        return self.replaced(data=self.data.model_copy(update={"diff_augment": chosen}))

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts, numbers and strings; `recipe_from_dict` reads them back."""
        return self.model_dump(mode="json", exclude_none=True)

    def replaced(self, **changes: Any) -> Recipe:
        """Return a copy with other top-level settings, validated together with the unchanged ones."""
        return Recipe.model_validate({**dict(self), **changes})


_FREE = (
    "name engine threads micro_batch_size steps epochs log_every sample_every save_every keep report eval_every "
    "eval_count best_by patience"
)
#: Settings that don't change what a step computes; a resumed run may change them.
FREE_ON_RESUME = frozenset(_FREE.split()) | {
    f"data.{side}{name}"  # an image folder may move; the number of its images is checked
    for side in ("", *(f"{side}." for side in SIDES))
    for name in ("path", "test_path", "on_bad_file", "memory_limit", "preview_channels")
}


class _Schema(GenerateJsonSchema):
    """Writer of anyOf instead of oneOf: a section without a name gets the default one, and matches several."""

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        return {"anyOf": super().tagged_union_schema(schema)["oneOf"]}


def json_schema() -> dict[str, Any]:
    """Return the schema of a recipe. It can't express which settings fit together; the program checks that."""
    return {"$schema": _Schema.schema_dialect, **Recipe.model_json_schema(schema_generator=_Schema)}
