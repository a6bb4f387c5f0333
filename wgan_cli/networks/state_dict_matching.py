"""Weights of a network that another program described: which of them are which of ours, by names or by order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.networks.weights import form

#: What wrappers put before every name, and projects before those of a generator.
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.")
GENERATORS = ("generator.", "netG.", "net_g.", "G.", "g.", "gen.", "G_ema.", "g_ema.", "ema.")
#: Counted in training and of no use after it; files of before 2018 have none.
COUNTER = "num_batches_tracked"
MOST_LISTED = 8  # tensors of each side in an error


@dataclass(frozen=True)
class Match:
    """Which tensor of a file is which of a network. pairs: (the file's name, ours). how: "name", "order and shape"."""

    pairs: tuple[tuple[str, str], ...]
    how: str

    def weights(self, given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The file's tensors under our names and in our number formats; counters that it lacks are zero."""
        found = {ours: given[theirs].to(wanted[ours].dtype) for theirs, ours in self.pairs}
        counters = {name: wanted[name].new_zeros((), device="cpu") for name in wanted if _leaf(name) == COUNTER}
        return {name: found[name] if name in found else counters[name] for name in wanted}


def match(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], origin: str, network: str) -> Match:
    """Find each tensor of a network among those of a file: by equal names, else as one list beside the other.

    Prefixes that wrappers and projects put before names do not count. By order, tensors fit that come in the same
    place, have the same shape, and are named alike in the end: weight, bias, running_mean.

    Args:
        given: of the file, in its order. wanted: of the network, in its order. origin, network: for errors.
    Raises: WganError that lists what has no place, on both sides.
    """
    theirs = {short: name for name, short in _without_prefixes(list(given)).items() if _leaf(short) != COUNTER}
    ours = [name for name in wanted if _leaf(name) != COUNTER]
    if set(theirs) == set(ours) and all(given[theirs[name]].shape == wanted[name].shape for name in ours):
        return Match(tuple((theirs[name], name) for name in ours), "name")
    names = list(theirs.values())
    left, right = ([_likeness(name, side[name]) for name in order] for side, order in ((given, names), (wanted, ours)))
    if left == right:
        return Match(tuple(zip(names, ours, strict=True)), "order and shape")
    blocks = SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    of_file = _left_over(names, [(block.a, block.size) for block in blocks])
    of_network = _left_over(ours, [(block.b, block.size) for block in blocks])
    raise WganError(
        f"{origin} does not fit {network}: {len(names) - len(of_file)} tensors fit, and left over are, of the file, "
        f"{_listed(of_file, given)}; of the network, {_listed(of_network, wanted)}",
        "make the recipe's layers those of the file, for example with --set model.generator.norm=none; "
        "`wgan inspect RECIPE` lists them",
    )


def _left_over(names: Sequence[str], matched: Sequence[tuple[int, int]]) -> list[str]:
    """The names at places that no block (start, length) holds."""
    places = {place for start, length in matched for place in range(start, start + length)}
    return [name for place, name in enumerate(names) if place not in places]


def _without_prefixes(names: Sequence[str]) -> dict[str, str]:
    """Names with what stands before all of them, or before a generator's among other networks', left out."""
    kept = {name: name for name in names}
    while True:
        shared = next((prefix for prefix in WRAPPERS if all(each.startswith(prefix) for each in kept.values())), None)
        of_generator = shared or next(
            (prefix for prefix in GENERATORS if any(each.startswith(prefix) for each in kept.values())), None
        )
        if not kept or of_generator is None:
            return kept
        kept = {name: each.removeprefix(of_generator) for name, each in kept.items() if each.startswith(of_generator)}


def _likeness(name: str, tensor: Tensor) -> tuple[str, tuple[int, ...]]:
    return _leaf(name), tuple(tensor.shape)


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _listed(names: Sequence[str], tensors: Mapping[str, Tensor]) -> str:
    listed = [f"`{name:.60}` {form(tensors[name]).partition(' of ')[0]}" for name in names[:MOST_LISTED]]
    more = [f"{len(names) - MOST_LISTED} more"] if len(names) > MOST_LISTED else []
    return ", ".join(listed + more) or "nothing"
