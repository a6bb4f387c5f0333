"""`optim:` in a recipe: how each network follows its gradient."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wgan_cli.recipe.base import Settings, named_by

Beta = Annotated[float, Field(ge=0.0, lt=1.0)]


class _DescentSettings(Settings):
    """What every optimizer has."""

    lr: float = Field(2e-4, gt=0.0, le=1.0, description="learning rate")
    clip_norm: float | None = Field(
        None, gt=0.0, le=1e6, description="shorten the gradient of all weights together to this length; default never"
    )
    clip_grad_value: float | None = Field(
        None, gt=0.0, le=1e6, description="cut each weight's gradient off at this, either sign; default never"
    )


class AdamSettings(_DescentSettings):
    """Adam (Kingma and Ba 2015)."""

    name: Literal["adam"] = "adam"
    betas: tuple[Beta, Beta] = (0.0, 0.9)
    weight_decay: float = Field(
        0.0, ge=0.0, le=1.0, description="shrink weights by lr times this in each step, as AdamW does"
    )


class RmspropSettings(_DescentSettings):
    """RMSprop (Tieleman and Hinton 2012)."""

    name: Literal["rmsprop"] = "rmsprop"
    lr: float = Field(5e-5, gt=0.0, le=1.0, description="learning rate")
    alpha: float = Field(0.99, ge=0.0, lt=1.0, description="how slowly the mean of squared gradients forgets")


DescentSettings = Annotated[AdamSettings | RmspropSettings, Field(discriminator="name"), named_by("name", "adam")]


class OptimSettings(Settings):
    """How each network follows its gradient; of those that only some objectives have, by default as a like one."""

    generator: DescentSettings = AdamSettings()
    critic: DescentSettings = AdamSettings()
    encoder: DescentSettings | None = Field(None, description="where there is one; default as the generator")
    classifier: DescentSettings | None = Field(None, description="where there is one; default as the critic")
    decay: Literal["none", "linear", "cosine"] = Field("none", description="of every lr, to zero at the last step")
    decay_from: float = Field(0.0, ge=0.0, lt=1.0, description="share of the steps after which it begins")

    @model_validator(mode="after")
    def _something_begins(self) -> OptimSettings:
        if self.decay_from and self.decay == "none":
            raise ValueError(
                f"`optim.decay_from` is {self.decay_from:g}, and `optim.decay` is none, so that nothing begins there|"
                "set `optim.decay` to linear or cosine, or leave out `optim.decay_from`"
            )
        return self

    def of(self, role: str) -> AdamSettings | RmspropSettings:
        """What a network's optimizer is made by."""
        return getattr(self, role) or getattr(self, _LIKE[role])

    def idle(self, roles: tuple[str, ...]) -> str | None:
        """A network that has settings here and is none of `roles`; None where all serve."""
        return next((role for role in _LIKE if role not in roles and getattr(self, role) is not None), None)


_LIKE = {"encoder": "generator", "classifier": "critic"}
