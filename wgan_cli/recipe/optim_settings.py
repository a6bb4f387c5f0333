"""`optim:` in a recipe: optimizers and the learning rate schedule."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from wgan_cli.recipe.settings import Settings, classes_of, invalid, named_by

Beta = Annotated[float, Field(ge=0.0, lt=1.0)]


class _AnyOptimizer(Settings):
    lr: float = Field(2e-4, gt=0.0, le=1.0, description="Learning rate.")
    clip_norm: float | None = Field(None, gt=0.0, le=1e6, description="Maximum norm of the gradient of all weights.")
    clip_grad_value: float | None = Field(None, gt=0.0, le=1e6, description="Maximum magnitude of a gradient element.")


class AdamSettings(_AnyOptimizer):
    """Adam (Kingma and Ba 2015)."""

    name: Literal["adam"] = "adam"
    betas: tuple[Beta, Beta] = Field((0.0, 0.9), description="Decay rates of the means of gradients and their squares.")
    weight_decay: float = Field(0.0, ge=0.0, le=1.0, description="Decoupled weight decay, as in AdamW.")


class AdamwSettings(AdamSettings):
    """Adam with weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"] = "adamw"
    weight_decay: float = Field(0.01, ge=0.0, le=1.0, description="Decoupled weight decay.")


class SgdSettings(_AnyOptimizer):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    lr: float = Field(0.01, gt=0.0, le=10.0, description="Learning rate.")
    momentum: float = Field(0.0, ge=0.0, lt=1.0, description="Decay rate of the velocity; 0: none.")
    nesterov: bool = Field(False, description="Nesterov momentum.")

    @model_validator(mode="after")
    def _check_nesterov(self) -> SgdSettings:
        if self.nesterov and not self.momentum:
            raise invalid("`nesterov` has no effect without `momentum`", "set `momentum`, for example to 0.9")
        return self


class RmspropSettings(_AnyOptimizer):
    """RMSprop (Tieleman and Hinton 2012)."""

    name: Literal["rmsprop"] = "rmsprop"
    lr: float = Field(5e-5, gt=0.0, le=1.0, description="Learning rate.")
    alpha: float = Field(0.99, ge=0.0, lt=1.0, description="Decay rate of the mean of squared gradients.")


_AnyKind = AdamSettings | AdamwSettings | RmspropSettings | SgdSettings
_Optimizer = Annotated[_AnyKind, Field(discriminator="name")]
OPTIMIZERS = classes_of(_Optimizer)
OptimizerSettings = Annotated[_Optimizer, named_by("name", _Optimizer, OPTIMIZERS, "adam")]
#: Settings of optimizers, which may stand directly in `optim` for all roles.
SHARED = tuple(dict.fromkeys(name for kind in OPTIMIZERS.values() for name in kind.model_fields))
BOTH = ("generator", "critic")


def _add_shared(schema: dict[str, Any]) -> None:
    """Add SHARED to the JSON schema of `optim`."""
    own = [kind.model_json_schema()["properties"] for kind in OPTIMIZERS.values()]
    for name in SHARED:
        forms = [{key: value for key, value in each[name].items() if key != "default"} for each in own if name in each]
        schema["properties"][name] = {"anyOf": forms}


def by_role(optim: Any) -> Any:
    """Return the plain values of `optim` with SHARED settings moved to the roles that don't have their own."""
    if not isinstance(optim, dict) or not (shared := {key: optim[key] for key in SHARED if key in optim}):
        return optim
    optim = {key: value for key, value in optim.items() if key not in SHARED}
    for role in (*BOTH, *({"encoder", "classifier"} & optim.keys())):
        own = optim.get(role, {})
        own = {"name": own} if isinstance(own, str) else own
        optim[role] = {**shared, **own} if isinstance(own, dict) else own
    return optim


class OptimSettings(Settings):
    """Optimizers by role; a role that only some objectives have defaults to that of a similar network.

    A setting of optimizers given without a role is one of all roles, unless a role has its own.
    """

    model_config = ConfigDict(json_schema_extra=_add_shared)

    generator: OptimizerSettings = AdamSettings.default()
    critic: OptimizerSettings = AdamSettings.default()
    encoder: OptimizerSettings | None = Field(None, description="Optimizer; default: the generator's.")
    classifier: OptimizerSettings | None = Field(None, description="Optimizer; default: the critic's.")
    lr_schedule: Literal["none", "linear", "cosine"] = Field("none", description="Decay of learning rates to zero.")
    lr_decay_start: float = Field(0.0, ge=0.0, lt=1.0, description="Fraction of the steps before the decay starts.")

    @model_validator(mode="before")
    @classmethod
    def _by_role(cls, values: Any) -> Any:
        return by_role(values)

    @classmethod
    def accepts(cls) -> list[str]:
        return [*super().accepts(), *SHARED]

    @model_validator(mode="after")
    def _check_schedule(self) -> OptimSettings:
        if self.lr_decay_start and self.lr_schedule == "none":
            raise invalid(
                f"`optim.lr_decay_start` is {self.lr_decay_start:g}, but `optim.lr_schedule` is none",
                "set `optim.lr_schedule` to linear or cosine, or leave out `optim.lr_decay_start`",
            )
        return self

    def of(self, role: str) -> _AnyKind:
        """Return the settings of a role's optimizer."""
        return getattr(self, role) or getattr(self, {"encoder": "generator", "classifier": "critic"}[role])
