"""Translation of pictures of any size."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from wgan_cli.networks.translator import Translator
from wgan_cli.outputs.tiling import BATCH_PIXELS, translate_each, translate_whole
from wgan_cli.recipe.model_settings import TranslatorSettings
from wgan_cli.utils.pixels import to_uint8, to_unit_range


def translator(norm: str = "instance", halvings: int = 2) -> Translator:
    torch.manual_seed(0)
    network = Translator(TranslatorSettings(channels=3, halvings=halvings, blocks=2, norm=norm), 3).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    return network.requires_grad_(False)


def picture(height: int, width: int) -> torch.Tensor:
    """A smooth picture with noise (3, H, W) uint8; its parts have different statistics."""
    random = torch.Generator().manual_seed(height)
    large = F.interpolate(torch.rand(1, 3, 5, 6, generator=random), (height, width), mode="bilinear")[0]
    return (200 * large + 55 * torch.rand(3, height, width, generator=random)).byte()


def largest_difference(a: torch.Tensor, b: torch.Tensor) -> int:
    assert a.shape == b.shape and a.dtype == b.dtype
    return int((a.int() - b.int()).abs().max())


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "layer"])
@pytest.mark.parametrize(("halvings", "limit"), [(1, 64 * 64), (2, 90 * 90), (3, 64 * 64)])
def test_tiles_equal_the_whole(norm, halvings, limit):
    """At seams too, and with norms of the whole image; the order of a sum may round one gray level."""
    network, image, said = translator(norm, halvings), picture(151, 203), []
    (whole,) = translate_each(network, [image], 10**9)
    (tiled,) = translate_each(network, [image], limit, log=said.append)
    assert "translating tiles" in said[0]
    assert whole.float().std() > 10
    assert largest_difference(tiled, whole) <= 1


@pytest.mark.parametrize(("height", "width"), [(12, 12), (13, 10), (8, 30), (1, 1), (3, 2), (1, 40)])
def test_any_size(height, width):
    network, image, pixels = translator(), picture(height, width), []
    with network.register_forward_pre_hook(lambda _, inputs: pixels.append(inputs[0][:, 0].numel())):
        (made,) = translate_each(network, [image])
    assert made.shape == (1, 3, height, width) and pixels[0] <= BATCH_PIXELS  # those of its padding too
    multiples = -(-max(8, height) // 4) * 4, -(-max(8, width) // 4) * 4
    if min(height, width) > 4:  # reflection, as PyTorch has it
        padded = F.pad(to_unit_range(image[None]), (0, multiples[1] - width, 0, multiples[0] - height), "reflect")
        wanted = to_uint8(network(padded)[:, :, :height, :width])
        assert largest_difference(made, wanted) <= 1
        assert largest_difference(to_uint8(translate_whole(network, to_unit_range(image[None]))), wanted) <= 1


def test_a_translation_does_not_depend_on_the_others():
    network = translator("none")
    pictures = [picture(16, 12), picture(16, 12).flip(1), picture(16, 12).flip(2), picture(9, 9), picture(16, 12)]
    together = [image for batch in translate_each(network, pictures) for image in batch]
    assert len(together) == 5
    for image, made in zip(pictures, together, strict=True):
        (alone,) = translate_each(network, [image])
        assert torch.equal(alone[0], made)


def test_statistics_are_summed_on_the_cpu(monkeypatch):
    """MPS has no float64."""
    calls = []
    for name in ("cpu", "double"):
        method = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda tensor, name=name, method=method: (calls.append(name), method(tensor))[1]
        )
    list(translate_each(translator(), [picture(70, 70)], 64 * 64))
    before_double = [before for before, name in zip(["", *calls], calls, strict=False) if name == "double"]
    assert set(before_double) == {"cpu"}
