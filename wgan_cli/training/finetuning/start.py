"""Recipe and networks of a run that starts from the weights of another one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from wgan_cli.data.transforms import input_channels
from wgan_cli.errors import WganError
from wgan_cli.networks.critic import parameters_after
from wgan_cli.networks.transfer import ImageKind, Transfer, transfer
from wgan_cli.recipe import Recipe, apply_settings
from wgan_cli.recipe.data_settings import IN_MEMORY, SIDES, USER_SOURCES, DataSettings, PairSettings
from wgan_cli.training.ema import ExponentialMovingAverage
from wgan_cli.training.finetuning.initial_weights import InitialWeights
from wgan_cli.utils.format import Log

SUFFIX = "_finetuned"  # of the name of a recipe that comes with its weights
WITH_CRITIC = "a run, a file of its checkpoints/, or a folder exported from either"


def initial_recipe(
    source: InitialWeights, settings: Sequence[str], log: Log | None = None, in_memory: bool = False
) -> Recipe:
    """Return the recipe that comes with weights, changed by `key=value` settings, under a name of its own.

    New images get the size and channels that the networks were trained on unless the settings say otherwise. What was
    measured on the machine of the first run (precision, engine, threads) is open again, and so are the settings of its
    images if others are passed `in_memory`.
    """
    recipe = source.checkpoint.recipe
    name = recipe.name if recipe.name.endswith(SUFFIX) else recipe.name[: 100 - len(SUFFIX)] + SUFFIX
    values = {**recipe.as_dict(), "name": name, "amp": "auto", "engine": "auto"}
    values.pop("threads", None)
    if in_memory and not recipe.translates:
        values["data"] = {"source": IN_MEMORY, "diff_augment": "auto"}
    changed = apply_settings(values, settings, f"the recipe of {source.title}", log)
    image = source.checkpoint.image

    def shaped(data: DataSettings) -> DataSettings:
        defaults: dict[str, Any] = {"image_size": image.size}
        if data.source in USER_SOURCES:
            defaults["channels"] = input_channels(image.channels, data.transform)
        return data.model_copy(update={key: value for key, value in defaults.items() if getattr(data, key) is None})

    data = changed.data
    if isinstance(data, PairSettings):
        data = data.model_copy(update={side: shaped(getattr(data, side)) for side in SIDES})
    else:
        data = shaped(data)
    return changed.replaced(data=data)


def with_conditional(recipe: Recipe, conditional: bool) -> Recipe:
    """Return a recipe whose networks learn classes, or don't. Raises: WganError if its objective doesn't allow it."""
    return apply_settings(recipe.as_dict(), [f"model.conditional={str(conditional).lower()}"], recipe.name)


def load_weights(networks: Mapping[str, nn.Module], wanted: ImageKind, source: InitialWeights) -> tuple[Transfer, ...]:
    """Give networks the weights of the same roles, and return what each layer got.

    Raises: WganError if no layer fits, or a layer that `freeze` keeps doesn't, or can't learn new channels.
    """
    given, roles = source.kind, source.checkpoint.networks
    transfers = tuple(
        transfer(role, source.network(role), given, network, wanted)
        for role, network in networks.items()
        if role in roles
    )
    if not any(each.loaded or each.adapted for each in transfers):
        models = [f"{kind.recipe.model.name} for images of {kind.image}" for kind in (given, wanted)]
        raise WganError(
            f"no layer of {source.title} ({models[0]}) fits the networks of {wanted.recipe.name} ({models[1]})",
            "leave out the recipe to use that of the weights, or choose one with the same `model`",
        )
    if wanted.recipe.freeze:
        _check_frozen(networks["critic"], transfers, wanted, source)
    return transfers


def start_average(ema: ExponentialMovingAverage, wanted: ImageKind, source: InitialWeights) -> None:
    """Start the EMA from that of the source. It continues without a warm-up, unless layers have random weights."""
    got = transfer("generator", source.network("generator", averaged=True), source.kind, ema.network, wanted)
    if not got.skipped:
        ema.earlier_steps = source.averaged_steps


def _check_frozen(critic: nn.Module, transfers: Sequence[Transfer], wanted: ImageKind, source: InitialWeights) -> None:
    """Raise a WganError if random weights would be frozen, or adapted ones that can't tell new channels apart."""
    count = wanted.recipe.freeze
    found = next((each for each in transfers if each.role == "critic"), None)
    if found is None:
        raise WganError(f"`freeze` is {count}, and {source.title} has no critic", f"give {WITH_CRITIC}")
    learns = {id(parameter) for parameter in parameters_after(critic, count)}
    fixed = {name for name, parameter in critic.named_parameters() if id(parameter) not in learns}

    def frozen(layers: Iterable[str]) -> str | None:
        return next((each for each in layers if any(f"{name}.".startswith(f"{each}.") for name in fixed)), None)

    if layer := frozen(found.skipped):
        raise WganError(
            f"`freeze` is {count}, but {layer} of the critic doesn't fit and would keep random weights",
            "lower `freeze`, or use the layers and the image size of the weights",
        )
    adapted = found.adapted if _shows_more_channels(wanted, source.kind) else ()
    if layer := frozen(each.partition(" (")[0] for each in adapted):
        raise WganError(
            f"`freeze` is {count}, but {layer} of the critic was adapted to other channels, and frozen it could not "
            "tell them apart",
            "leave out `freeze`, or keep the channels and labels of the weights",
        )


def _shows_more_channels(wanted: ImageKind, given: ImageKind) -> bool:
    """Return True if a critic sees colors, alpha or labels that the given one didn't."""
    labels = [kind.recipe.model.shows_critic("embedding") for kind in (wanted, given)]
    return wanted.image.channels > given.image.channels or labels[0] > labels[1]


def missing_critic_warning(source: InitialWeights) -> str:
    """Return a warning for weights without a critic, or an empty string."""
    if "critic" in source.checkpoint.networks:
        return ""
    return (
        f"warning: {source.title} has no critic: a new one misleads the generator at first, which forgets some of what "
        f"it learned; {WITH_CRITIC}, has both"
    )
