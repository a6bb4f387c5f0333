"""The networks in a file of another program, and the generator among them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.networks.state_dict_matching import without_wrappers
from wgan_cli.utils.format import Log

Weights = dict[str, Tensor]
_GENERATOR = {"g", "gen", "generator", "netg"}
_AVERAGED = {"ema", "avg", "averaged", "running", "shadow"}
_SHORT = {"ge": ["g", "ema"], "gs": ["g", "ema"]}  # as in stylegan2-pytorch, and in StyleGAN
_FILLERS = {"state", "dict", "model", "models", "net", "nets", "network", "networks", "params", "weights", "module"}
_MAX_DEPTH, _MAX_LISTED = 3, 8


def generator_weights(content: Any, path: Path, entry: str | None, log: Log) -> Weights:
    """Return the generator's tensors: an EMA if there is one, and those of `entry` if that is given.

    Args:
        content: dicts of tensors, of any depth.
        entry: name of a network, such as `netG` or `ema.G`.
        log: receives a line about the choice between several networks.
    Raises: WganError if no network is named as a generator.
    """
    networks = dict(_networks(content))
    if not networks:
        hint = "save the generator: torch.save(generator.state_dict(), 'generator.pth')"
        raise WganError(f"{path} holds no state_dict{f' named {entry!r:.40}' if entry else 's by name'}", hint)
    for name in _unusable_averages(content, networks):
        log(f"note: `{name}` of {path} holds no tensors by name and is not used")
    wanted = networks if entry is None else _of_entry(networks, entry)
    known = [name for name in wanted if _rank(name) < _UNKNOWN]
    if known or len(wanted) == 1:
        chosen = min(wanted, key=_rank)
        weights, buffers_of = _completed(chosen, networks)
        if buffers_of or (entry is None and (len(networks) > 1 or _is_average(chosen))):
            log(f"note: {_choice(chosen, buffers_of, networks)}")
        return weights
    if not any(networks):
        raise WganError(f"{path} holds one state_dict, and none named {entry!r:.40}", "leave out --entry")
    problem = f"none named {entry!r:.40}" if entry else "none named as a generator"
    hint = f"choose one, for example --entry {shlex.quote(next(iter(networks)))}"
    raise WganError(f"{path} holds state_dicts named {_listed(networks)}, but {problem}", hint)


def _networks(value: Any, name: str = "") -> Iterator[tuple[str, Weights]]:
    """Yield the state_dicts in nested dicts by dotted name; one of several networks is split by their prefixes."""
    if _is_state_dict(value):
        groups: dict[str, Weights] = {}
        for full, short in without_wrappers(list(value)).items():
            first, _, rest = short.partition(".")
            groups.setdefault(first, {})[rest or first] = value[full]
        if any(_rank(group) < _PLAIN_MODEL for group in groups):
            yield from ((_joined(name, group), weights) for group, weights in groups.items())
        else:
            yield name, value
    elif type(value) is dict and "param_groups" not in value and name.count(".") < _MAX_DEPTH:
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _networks(inner, _joined(name, key))


def _joined(above: str, name: str) -> str:
    return f"{above}.{name}" if above else name


_PLAIN_MODEL, _UNKNOWN = 3, 4


def _rank(name: str) -> int:
    """Return 0 for the EMA of a generator, 1 for that of a model, 2 for a generator, 3 for a model, otherwise 4."""
    found = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    words = {part for word in found for part in _SHORT.get(word, [word])} - _FILLERS
    if words - _AVERAGED - _GENERATOR:
        return _UNKNOWN
    return 2 * (not words & _AVERAGED) + (not words & _GENERATOR)


def _of_entry(networks: dict[str, Weights], entry: str) -> dict[str, Weights]:
    """Return the network of a name, or all below it."""
    exact = {name: weights for name, weights in networks.items() if entry in (name, name.rpartition(".")[2])}
    return exact or {name: weights for name, weights in networks.items() if name.startswith(f"{entry}.")}


def _is_average(name: str) -> bool:
    return _rank(name) < 2


def _completed(chosen: str, networks: dict[str, Weights]) -> tuple[Weights, str | None]:
    """Return the chosen weights, and the plain ones that lent their buffers to an EMA of the parameters alone."""
    weights = networks[chosen]
    plain = [name for name in networks if _is_average(chosen) and _rank(name) == _rank(chosen) + 2]
    whole = next((name for name in plain if weights.keys() < networks[name].keys()), None)
    return (weights, None) if whole is None else ({**networks[whole], **weights}, whole)


def _choice(chosen: str, buffers_of: str | None, networks: dict[str, Weights]) -> str:
    others = [name for name in networks if name != chosen]
    kind = ", an EMA" if _is_average(chosen) else ""
    buffers = f", with the buffers of `{buffers_of}`" if buffers_of else ""
    return f"using `{chosen}`{kind}{buffers}" + (f"; --entry takes others: {_listed(others)}" if others else "")


def _unusable_averages(content: Any, networks: dict[str, Weights]) -> list[str]:
    """Return the entries named as an EMA that hold no network, such as a list of tensors."""
    entries = content.items() if type(content) is dict else ()
    named = [key for key, value in entries if isinstance(value, dict | list) and _is_average(str(key))]
    return [key for key in named if not any(f"{name}.".startswith(f"{key}.") for name in networks)]


def _listed(names: Any) -> str:
    return ", ".join(f"{name:.40}" for name in list(names)[:_MAX_LISTED])


def _is_state_dict(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items())
    )
