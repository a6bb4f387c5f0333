"""The recipe: everything that decides what a run computes, typed and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from wgan_cli.recipe.base import Settings
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.model_settings import ModelSettings
from wgan_cli.recipe.objective_settings import ObjectiveSettings

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


class AdamSettings(Settings):
    """Adam (Kingma and Ba 2015)."""

    lr: float = Field(2e-4, gt=0.0, le=1.0, description="learning rate")
    betas: tuple[Annotated[float, Field(ge=0.0, lt=1.0)], Annotated[float, Field(ge=0.0, lt=1.0)]] = (0.0, 0.9)


class OptimSettings(Settings):
    """How each network follows its gradient."""

    generator: AdamSettings = AdamSettings()
    critic: AdamSettings = AdamSettings()
    decay: Literal["none", "linear", "cosine"] = Field("none", description="of every lr, to zero at the last step")


#: Sections that may be written as one word, `objective: wgan_gp` for `objective: {name: wgan_gp}`, and its key.
SHORT_FORMS = {"data": "source", "model": "name", "objective": "name"}


def _short(section: str):
    key = SHORT_FORMS[section]
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class Recipe(Settings):
    """Everything that decides what a run computes. A step is one generator update."""

    name: str = Field("recipe", pattern=r"^\w[\w .+-]{0,99}$", description="of the run folder; default the file's name")
    data: Annotated[DataSettings, _short("data")] = DataSettings()
    model: Annotated[ModelSettings, _short("model")]
    objective: Annotated[ObjectiveSettings, _short("objective")] = ObjectiveSettings()
    optim: OptimSettings = OptimSettings()

    batch_size: int = Field(64, ge=1, le=65536, description="real images in each critic step")
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

    eval_every: int | None = Field(
        None, ge=1, description="steps between evaluations beside real images; default none while training"
    )
    eval_count: int = Field(2000, ge=10, le=50_000, description="images generated for each evaluation")
    best_by: Literal["distance", "precision", "recall", "density", "coverage"] = Field(
        "distance", description="the score whose best generator is kept in G_best.pth"
    )
    patience: int | None = Field(
        None, ge=1, description="evaluations without a better score after which a run ends early; default never"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set one of `steps` and `epochs`")
        if self.patience is not None and self.eval_every is None:
            raise ValueError(
                "`patience` waits for a better score, and nothing is evaluated without `eval_every`|"
                "set `eval_every` to some steps, or leave out `patience`"
            )
        if self.objective.scores_each_image_alone and self.model.critic.norm == "batch":
            raise ValueError(
                f"`model.critic.norm` is batch, which mixes the images of a batch, and {self.objective.name} penalises "
                "the gradient of each image's own score|set `model.critic.norm` to layer, instance or none"
            )
        if self.batch_size == 1 and self.model.generator.norm == "batch":
            raise ValueError(
                "`batch_size` is 1, and batch norm in the generator needs more|"
                "raise `batch_size`, or set `model.generator.norm` to layer, instance or none"
            )
        return self

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, numbers and strings: what YAML and a checkpoint hold, and `recipe_from_dict` reads."""
        return self.model_dump(mode="json", exclude_none=True)

    def replaced(self, **changes: Any) -> Recipe:
        """A copy with other values of top-level settings, checked again."""
        return Recipe.model_validate({**self.as_dict(), **changes})


#: Settings that change how long a run lasts and how it is watched, but not what a step computes.
FREE_ON_RESUME = frozenset(
    {
        "name",
        "engine",
        "threads",
        "steps",
        "epochs",
        "log_every",
        "sample_every",
        "save_every",
        "eval_every",
        "eval_count",
        "best_by",
        "patience",
        "data.path",  # a folder may move; the number of its images is checked
        "data.on_bad_file",
        "data.memory_limit",
    }
)
