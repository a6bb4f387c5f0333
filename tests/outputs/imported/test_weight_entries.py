"""The generator among the networks of a file."""

from pathlib import Path

import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.outputs.imported.weight_entries import generator_weights


def state(value: float, *names: str) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name in names or ("0.weight", "0.bias")}


def flat(**networks: float) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": each for name, value in networks.items() for key, each in state(value).items()}


WANTED, OTHER = state(1.0), state(0.0)


def found(content: object, entry: str | None = None) -> tuple[dict[str, torch.Tensor], list[str]]:
    said: list[str] = []
    return generator_weights(content, Path("theirs.pth"), entry, said.append), said


@pytest.mark.parametrize(
    "average",
    ["netG_ema", "G_ema", "g_ema", "generator_ema", "ema_G", "ema_generator", "GE", "Gs", "g_running", "generatorEMA"]
    + ["ema", "params_ema", "model_ema", "ema_state_dict", "generator_ema_state_dict", "generator_averaged"],
)
@pytest.mark.parametrize("plain", ["netG", "generator", "G", "generator_state_dict", "model"])
def test_average_next_to_plain_weights(average, plain):
    if average in ("ema", "params_ema", "model_ema", "ema_state_dict") or plain != "model":
        weights, said = found({plain: OTHER, "netD_ema": OTHER, "netD": OTHER, average: WANTED, "ema_decay": 0.9})
        assert weights == WANTED
        (line,) = said
        assert f"`{average}`, an EMA" in line and plain in line
    assert found({plain: WANTED, average: OTHER}, entry=plain) == (WANTED, [])


@pytest.mark.parametrize("wrapper", ["", "module.", "module._orig_mod."])
@pytest.mark.parametrize(
    ("networks", "average"),
    [
        ({"G": 0, "D": 0, "GE": 1}, True),
        ({"generator": 0, "generator_ema": 1, "discriminator": 0}, True),
        ({"online_model": 0, "ema_model": 1}, True),
        ({"discriminator": 0, "generator": 1}, False),
        ({"netG": 1}, False),
    ],
)
def test_networks_in_one_state_dict(wrapper, networks, average):
    tensors = {f"{wrapper}{name}": tensor for name, tensor in flat(**networks).items()}
    for content in (tensors, {"state_dict": tensors, "epoch": 3}):
        weights, said = found(content)
        assert weights == WANTED
        assert any("an EMA" in line for line in said) == average


def test_nested_networks():
    content = {"nets": {"G": OTHER, "D": OTHER}, "ema": {"G": WANTED, "D": OTHER}}
    content["optimizer_G"] = {"state": {0: state(2.0)}, "param_groups": [{"lr": 0.1}]}
    assert found(content)[0] == WANTED
    assert found(content, entry="nets")[0] == found(content, entry="nets.G")[0] == OTHER


def test_parameters_alone_get_the_buffers_of_the_plain_weights():
    plain = state(0.0, "0.weight", "1.running_mean", "1.weight")
    weights, said = found({"G": plain, "G_ema": state(1.0, "1.weight", "0.weight")})
    assert weights == {"0.weight": 1, "1.running_mean": 0, "1.weight": 1} and [*weights] == [*plain]
    assert "buffers of `G`" in said[0]


def test_average_without_names():
    weights, said = found({"generator": WANTED, "ema": {"decay": 0.9, "shadow_params": [torch.zeros(3)]}})
    assert weights == WANTED
    assert said == ["note: `ema` of theirs.pth holds no tensors by name and is not used"]


def test_only_network_needs_no_name():
    for content in (WANTED, {"first": WANTED}, {"step": 3, "first": {"second": WANTED}}):
        assert found(content) == (WANTED, [])


@pytest.mark.parametrize(
    ("content", "entry", "message", "hint"),
    [
        ({"netG_A": WANTED, "netG_B": WANTED}, None, "netG_A, netG_B", "--entry netG_A"),
        ({"netD_ema": WANTED, "netD": WANTED}, None, "netD_ema, netD", "--entry netD_ema"),
        ({"G": WANTED, "D": OTHER}, "E", "none named 'E'", "--entry G"),
        (WANTED, "G", "one state_dict", "leave out"),
        ({"step": 3}, None, "no state_dict", "generator.state_dict()"),
        ([WANTED], None, "no state_dict", "generator.state_dict()"),
    ],
)
def test_refusals(content, entry, message, hint):
    with pytest.raises(WganError) as caught:
        found(content, entry)
    assert message in caught.value.message and hint in caught.value.hint
