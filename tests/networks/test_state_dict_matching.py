"""Weights of other programs find their places by names or by order, or the error lists what is left over."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.networks.state_dict_matching import match

WANTED = {
    "body.0.weight": torch.zeros(4, 3),
    "body.0.bias": torch.zeros(4),
    "body.1.weight": torch.zeros(4),
    "body.1.bias": torch.zeros(4),
    "body.1.running_mean": torch.zeros(4),
    "body.1.num_batches_tracked": torch.tensor(0),
    "last.weight": torch.zeros(2, 4),
}
NAMES = list(WANTED)


def given(names: list[str], without: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    """Tensors of the wanted shapes, all different, under other names."""
    return {
        name: WANTED[ours].double() + place
        for place, (name, ours) in enumerate(zip(names, NAMES, strict=True))
        if ours not in without
    }


def matched(tensors: dict[str, torch.Tensor]):
    return match(tensors, WANTED, "theirs.pth", "ours")


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "module.model."])
def test_equal_names(prefix):
    tensors = given([prefix + name for name in NAMES])
    found = matched(dict(reversed(tensors.items())))
    assert found.how == "name"
    weights = found.weights(tensors, WANTED)
    assert list(weights) == NAMES
    for name in NAMES:
        if name != "body.1.num_batches_tracked":
            assert weights[name].dtype == torch.float32
            assert torch.equal(weights[name], tensors[prefix + name].float())


def test_averaged_model():
    """torch.optim.swa_utils.AveragedModel adds a counter beside the wrapped module."""
    tensors = given([f"module.{name}" for name in NAMES]) | {"n_averaged": torch.tensor(9)}
    assert matched(tensors).pairs[0] == ("module.body.0.weight", "body.0.weight")


def test_order_and_shapes():
    theirs = ["m.0.weight", "m.0.bias", "m.1.weight", "m.1.bias", "m.1.running_mean", "m.1.num_batches_tracked"]
    tensors = given([*theirs, "m.3.weight"])
    found = matched(tensors)
    assert found.how == "order and shape"
    assert torch.equal(found.weights(tensors, WANTED)["last.weight"], tensors["m.3.weight"].float())


def test_counters_may_be_missing():
    tensors = given(NAMES, without=("body.1.num_batches_tracked",))
    assert matched(tensors).weights(tensors, WANTED)["body.1.num_batches_tracked"] == 0


def test_other_tensor_of_the_same_shape():
    tensors = given(NAMES)
    tensors = {name.replace("running_mean", "running_var"): tensor for name, tensor in tensors.items()}
    with pytest.raises(WganError, match="in the file: `body.1.running_var` 4; in the network: `body.1.running_mean` 4"):
        matched(tensors)


def test_unmatched_tensors_are_listed():
    tensors = given(NAMES, without=("body.1.weight", "body.1.bias", "body.1.running_mean"))
    tensors["more.weight"] = torch.zeros(7, 2)
    with pytest.raises(WganError) as caught:
        matched(tensors)
    for words in ("theirs.pth", "ours", "3 tensors match", "file: `more.weight` 7x2", "network: `body.1.weight` 4, "):
        assert words in caught.value.message
    assert "--set" in caught.value.hint


def test_nothing_matches():
    with pytest.raises(WganError, match="0 tensors match"):
        matched({"module.generator.": torch.zeros(1)})
