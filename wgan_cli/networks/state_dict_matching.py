"""Match the tensors of a state dict from another program to those of a network, by name or by order and shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.networks.weights import describe

#: Prefixes that wrappers add to every name.
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.")
#: Unused after training: of batch norm, which files from before 2018 don't have, and of torch.optim.swa_utils.
COUNTERS = {"num_batches_tracked", "n_averaged"}
#: Last parts of names by torch.nn.utils.spectral_norm, and by its successor in torch.nn.utils.parametrizations.
SPECTRAL_NORM = {"weight_orig": "original", "weight_u": "_u", "weight_v": "_v"}
MAX_LISTED = 8  # tensors of each side in an error


@dataclass(frozen=True)
class Match:
    """Pairs of a name in the file and a name in the network, matched by "name" or by "order and shape"."""

    pairs: tuple[tuple[str, str], ...]
    how: str

    def weights(self, given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the file's tensors under the network's names and dtypes; missing counters are zero."""
        found = {ours: given[theirs].to(wanted[ours].dtype) for theirs, ours in self.pairs}
        counters = {name: wanted[name].new_zeros((), device="cpu") for name in wanted if _leaf(name) in COUNTERS}
        return {name: found[name] if name in found else counters[name] for name in wanted}


def match(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], origin: str, network: str) -> Match:
    """Find each tensor of a network in a file: by equal names, otherwise by position.

    Prefixes of wrappers are ignored. By position, tensors match if they have the same shape and the same
    last part of the name (weight, bias, running_mean...).

    Args:
        given: tensors of the file, in its order. wanted: of the network, in its order.
        origin, network: names for errors.
    Raises: WganError listing the tensors of both sides that don't match.
    """
    theirs = {short: name for name, short in without_wrappers(list(given)).items() if _leaf(short) not in COUNTERS}
    ours = [name for name in wanted if _leaf(name) not in COUNTERS]
    if set(theirs) == set(ours) and all(given[theirs[name]].shape == wanted[name].shape for name in ours):
        return Match(tuple((theirs[name], name) for name in ours), "name")
    names = list(theirs.values())
    left = [(SPECTRAL_NORM.get(_leaf(name), _leaf(name)), given[name].shape) for name in names]
    right = [(_leaf(name), wanted[name].shape) for name in ours]
    if left == right:
        return Match(tuple(zip(names, ours, strict=True)), "order and shape")
    of_file, of_network = list(names), list(ours)
    for block in reversed(SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()):
        del of_file[block.a : block.a + block.size], of_network[block.b : block.b + block.size]
    raise WganError(
        f"{origin} does not fit {network}: {len(names) - len(of_file)} tensors match; unmatched in the file: "
        f"{_listed(of_file, given)}; in the network: {_listed(of_network, wanted)}",
        "give the recipe the file's layers, for example with --set model.generator.norm=none; "
        "`wgan inspect RECIPE` lists them",
    )


def without_wrappers(names: Sequence[str]) -> dict[str, str]:
    """Map names to names without the prefixes of wrappers, except for a wrapper's counter."""
    kept = {name: name for name in names if name not in COUNTERS}
    while prefix := next((each for each in WRAPPERS if kept and all(n.startswith(each) for n in kept.values())), None):
        kept = {name: short.removeprefix(prefix) for name, short in kept.items()}
    return kept


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _listed(names: Sequence[str], tensors: Mapping[str, Tensor]) -> str:
    listed = [f"`{name:.60}` {describe(tensors[name]).partition(' ')[0]}" for name in names[:MAX_LISTED]]
    more = [f"{len(names) - MAX_LISTED} more"] if len(names) > MAX_LISTED else []
    return ", ".join(listed + more) or "none"
