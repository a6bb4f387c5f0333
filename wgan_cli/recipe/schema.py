"""The recipe: everything that decides what a run computes, typed and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from wgan_cli.recipe.base import Settings, named_by
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.objective_settings import WganGpSettings
from wgan_cli.recipe.optim_settings import OptimSettings
from wgan_cli.recipe.pair_settings import SIDES, AnyDataSettings
from wgan_cli.recipe.registry import ModelSettings, ObjectiveSettings, classes_of
from wgan_cli.recipe.scores import RENAMED, SELECTABLE
from wgan_cli.recipe.tasks import check_task

MOST_STEPS = 10**9


@dataclass(frozen=True)
class ImageShape:
    """What networks must know of the images: square `size` in pixels, `channels` 1, 3 or 4, classes (0: no labels)."""

    size: int
    channels: int
    num_classes: int = 0

    @property
    def pixels(self) -> int:
        """Numbers in one image."""
        return self.channels * self.size * self.size

    def __str__(self) -> str:
        return f"{self.size}x{self.size}x{self.channels}"


#: Sections that may be written as one word, `objective: wgan_gp` for `objective: {name: wgan_gp}`, and its key.
SHORT_FORMS = {"data": "source", "a": "source", "b": "source", "model": "name", "objective": "name"}


class Recipe(Settings):
    """Everything that decides what a run computes. A step is one generator update."""

    name: str = Field("recipe", pattern=r"^\w[\w .+-]{0,99}$", description="of the run folder; default the file's name")
    data: Annotated[AnyDataSettings, named_by("source")] = DataSettings()
    model: Annotated[ModelSettings, named_by("name")]
    objective: Annotated[ObjectiveSettings, named_by("name", "wgan_gp")] = WganGpSettings()
    optim: OptimSettings = OptimSettings()

    batch_size: int = Field(64, ge=1, le=65536, description="real images in each critic step, on all devices together")
    micro_batch_size: int | None = Field(
        None,
        ge=1,
        le=65536,
        description="images that a device computes at once; more take turns",
    )
    sync_batch_norm: bool = Field(
        True, description="let batch norm see the whole batch of several processes; else each its own share"
    )
    steps: int | None = Field(None, ge=1, le=MOST_STEPS, description="generator updates in all")
    epochs: float | None = Field(
        None, gt=0.0, le=1e6, description="instead of steps: passes of the critic over the data"
    )
    ema_decay: float = Field(
        0.999, ge=0.0, lt=1.0, description="of the averaged generator that samples; 0 turns it off"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of weights, data order and noise")
    amp: Literal["auto", "off", "bf16", "fp16"] = Field("auto", description="number format of the networks' arithmetic")
    tf32: bool = Field(False, description="let a GPU round the factors of float32 products to TF32")
    deterministic: bool = Field(False, description="on a GPU, only kernels that give the same bits each time")
    engine: Literal["auto", "eager", "graph", "compile"] = Field("auto", description="how an iteration is carried out")
    threads: int | None = Field(None, ge=1, le=1024, description="of the processor; default as many as are fastest")

    log_every: int = Field(50, ge=1, description="steps between lines of metrics.jsonl")
    sample_every: int = Field(200, ge=1, description="steps between sample grids")
    sample_grid: int = Field(10, ge=1, le=64, description="images on each side of a sample grid")
    save_every: int = Field(1000, ge=1, description="steps between checkpoints")
    report: bool = Field(False, description="write report.html into the run's folder at its end")

    eval_every: int | None = Field(
        None, ge=1, description="steps between evaluations beside real images; default none while training"
    )
    eval_count: int = Field(2000, ge=10, le=50_000, description="images generated for each evaluation")
    best_by: Literal[SELECTABLE] = Field("fd", description="the score whose best generator is kept in G_best.pth")
    patience: int | None = Field(
        None, ge=1, description="evaluations without a better score after which a run ends early; default never"
    )

    @field_validator("best_by", mode="before")
    @classmethod
    def _current_name(cls, name: Any) -> Any:
        """Accept the names of earlier versions."""
        return RENAMED.get(name, name) if isinstance(name, str) else name

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set one of `steps` and `epochs`")
        if self.patience is not None and self.eval_every is None:
            raise ValueError(
                "`patience` waits for a better score, and nothing is evaluated without `eval_every`|"
                "set `eval_every` to some steps, or leave out `patience`"
            )
        check_task(self.data, self.model, self.objective)
        if self.eval_every is not None and self.best_by not in self.data.scores:
            raise ValueError(
                f"`best_by` is {self.best_by}, which of {self.data.title} is not measured|"
                f"set `best_by` to {' or '.join(self.data.scores)}, or leave out `eval_every`"
            )
        self._check_roles()
        self._check_classes()
        self._check_batches()
        self._check_pairs()
        self._check_clipping()
        self._check_paths()
        return self

    def _check_roles(self) -> None:
        """Refuse networks that one section asks for, and another does not have."""
        name, roles = self.objective.name, self.objective.roles
        lacking = next((role for role in roles if role not in self.model.roles), None)
        if lacking:
            raise ValueError(
                f"`objective.name` is {name}, which trains {_an(lacking)}, and `model.name` {self.model.name} has none|"
                f"set `model.name` to {' or '.join(_families_with(lacking))}, or take another objective"
            )
        idle = self.optim.idle(roles)
        if idle:
            raise ValueError(
                f"`optim.{idle}` is set, and {name} trains no {idle}|"
                f"leave out `optim.{idle}`; {name} trains {' and '.join(roles)}"
            )

    def _check_classes(self) -> None:
        """Refuse an objective whose networks must know of classes in another way than they do."""
        objective, model = self.objective, self.model
        if objective.needs_classes and not model.conditional:
            raise ValueError(
                f"`objective.name` is {objective.name}, which learns classes, and `model.conditional` is false|"
                "set `model.conditional` to true; images need classes for it"
            )
        if model.conditional and model.condition not in objective.conditions:
            raise ValueError(
                f"`model.condition` is {model.condition}, and {objective.name} does not train its critic for that|"
                f"set `model.condition` to {' or '.join(objective.conditions)}"
            )

    def _check_batches(self) -> None:
        """Refuse what looks at the other images of a batch where there are none, or where each must count alone."""
        setting, penalties = self.model.critic.spoils_penalties, self.objective.penalties
        if setting and penalties:
            raise ValueError(
                f"`model.critic.{setting}` {self._said(setting)}, which mixes the images of a batch, and "
                f"{self.objective.name} penalises the gradient of each image's own score|"
                f"{_unmixed(setting)}, or set {' and '.join(f'`objective.{weight}`' for weight in penalties)} to 0"
            )
        if self.batch_size > 1:
            return
        setting = self.model.critic.mixes_images
        if self.model.generator.norm == "batch":
            raise ValueError(
                "`batch_size` is 1, and batch norm in the generator needs more|"
                "raise `batch_size`, or set `model.generator.norm` to layer, instance or none"
            )
        if setting:
            raise ValueError(
                f"`batch_size` is 1, and `model.critic.{setting}`, which {self._said(setting)}, needs more|"
                f"raise `batch_size`, or leave out `model.critic.{setting}`"
            )

    def _said(self, setting: str) -> str:
        """A setting of the critic's as words: `is batch`, `is true`, `is 16`."""
        value = getattr(self.model.critic, setting)
        return f"is {str(value).lower()}"

    def _check_pairs(self) -> None:
        """Refuse what mixes an image's features with others, or with chance, where they are compared with a copy's."""
        if not self.objective.pairs_images:
            return
        setting = self.model.critic.mixes_images
        if setting:
            raise ValueError(
                f"`model.critic.{setting}` {self._said(setting)}, which mixes the images of a batch, and "
                f"{self.objective.name} compares each image's own features with those of its copy|{_unmixed(setting)}"
            )
        by_chance = {
            "data.diff_augment": self.data.diff_augment,
            "objective.instance_noise": self.objective.instance_noise,
            "model.critic.dropout": self.model.critic.dropout,
        }
        setting = next((name for name, value in by_chance.items() if value), None)
        if setting:
            raise ValueError(
                f"`{setting}` changes by chance what the critic sees of an image, and {self.objective.name} compares "
                f"that with what it sees of the image's copy|leave out `{setting}`"
            )

    def _check_clipping(self) -> None:
        if getattr(self.objective, "clip_value", None) and self.model.critic.spectral_norm:
            raise ValueError(
                "`model.critic.spectral_norm` divides weights by their largest stretch, so that clipping them with "
                "`objective.clip_value` changes nothing|"
                "set `model.critic.spectral_norm` to false, or `objective.name` to hinge"
            )

    def _check_paths(self) -> None:
        if getattr(self.objective, "path_length_weight", None) and not self.model.has_style_space:
            raise ValueError(
                f"`objective.path_length_weight` measures paths through a style space, and {self.model.name} has none|"
                "set `objective.path_length_weight` to 0, or `model.name` to style"
            )

    @property
    def translates(self) -> bool:
        """True if the generator maps images to images, False if it generates them from noise."""
        return self.model.translates

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, numbers and strings: what YAML and a checkpoint hold, and `recipe_from_dict` reads."""
        return self.model_dump(mode="json", exclude_none=True)

    def replaced(self, **changes: Any) -> Recipe:
        """A copy with other values of top-level settings, checked again."""
        return Recipe.model_validate({**self.as_dict(), **changes})


def _unmixed(setting: str) -> str:
    """What to do where a critic's setting mixes the images of a batch."""
    return "set `model.critic.norm` to layer, instance or none" if setting == "norm" else f"leave out `{setting}`"


def _families_with(role: str) -> list[str]:
    return [name for name, family in classes_of(ModelSettings).items() if role in family.roles]


def _an(role: str) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"


#: Settings that change how long a run lasts and how it is watched, but not what a step computes.
FREE_ON_RESUME = frozenset(
    {
        "name",
        "engine",
        "threads",
        "micro_batch_size",
        "steps",
        "epochs",
        "log_every",
        "sample_every",
        "save_every",
        "report",
        "eval_every",
        "eval_count",
        "best_by",
        "patience",
        # A folder may move; the number of its images is checked.
        *(
            f"data.{side}{name}"
            for side in ("", *(f"{side}." for side in SIDES))
            for name in ("path", "test_path", "on_bad_file", "memory_limit")
        ),
    }
)
