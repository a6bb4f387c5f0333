"""The style-based family's blocks against their formulas, written out plainly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.networks import build_network
from wgan_cli.networks.layers import equalize
from wgan_cli.networks.resampling import BlurPoolConv2d, BlurUpConv2d
from wgan_cli.networks.style_space import MEAN_DECAY, MeanStyle
from wgan_cli.networks.stylegan_layers import AdaInLayer, ModulatedLayer, Noise, ToRGB, upsample
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.recipe.model_settings import StyleGeneratorSettings

STYLE = 5
FILTER = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 8


def filtered(x: Tensor, gain: float = 1.0) -> Tensor:
    """Each channel convolved with [1, 3, 3, 1] both ways, directly; 3 pixels less each way."""
    taps = gain * FILTER[:, None] * FILTER
    return F.conv2d(x, taps.expand(x.shape[1], 1, 4, 4), groups=x.shape[1])


def spaced(x: Tensor) -> Tensor:
    """Pixels apart by zeros: twice the size."""
    apart = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    apart[:, :, ::2, ::2] = x
    return apart


def doubled(x: Tensor) -> Tensor:
    """Twice the size by the filter, on a plane of zeros, with 4 more pixels on each side."""
    wide = spaced(F.pad(x, (3, 3, 3, 3)))  # 6 pixels beyond the image
    return filtered(F.pad(wide, (2, 1, 2, 1)), gain=4.0)[:, :, 2:-2, 2:-2]


def test_upsample_equals_a_convolution():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
    torch.testing.assert_close(upsample(x), doubled(wide)[:, :, 6:-6, 6:-6])


@pytest.mark.parametrize("size", [1, 4, 7])
def test_doubling_convolution(size):
    torch.manual_seed(0)
    layer = BlurUpConv2d(3, 2, 3, blurs=3).double()
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    direct = F.conv2d(doubled(x), layer.weight, layer.bias)[:, :, 3:-3, 3:-3]
    assert layer(x).shape == (2, 2, 2 * size, 2 * size)
    torch.testing.assert_close(layer(x), direct)


def test_halving_convolution():
    torch.manual_seed(0)
    layer = BlurPoolConv2d(3, 2, 3, blurs=3).double()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    direct = filtered(F.conv2d(F.pad(x, (2, 2, 2, 2)), layer.weight, layer.bias))[:, :, ::2, ::2]
    torch.testing.assert_close(layer(x), direct[:, :, :4, :4])


def layer_of(kind: type, doubles: bool = False, **settings: object) -> nn.Module:
    """A layer of 3 to 4 channels at 4 pixels or to 8, in float64, without bends, and with a bias that shows."""
    torch.manual_seed(0)
    own = StyleGeneratorSettings(**{"slope": 1.0, "noise": False, **settings})
    layer = equalize(kind(own, 3, 4, STYLE, 8 if doubles else 4, doubles=doubles)).double()
    nn.init.normal_(layer.bias)
    return layer


def inputs(count: int = 3) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(count, 3, 4, 4, dtype=torch.float64), 3 * torch.randn(count, STYLE, dtype=torch.float64)


@pytest.mark.parametrize("doubles", [False, True])
def test_modulation_equals_weights_per_image(doubles):
    """Karras et al. 2020, eqs. 1 and 3, image by image."""
    layer = layer_of(ModulatedLayer, doubles)
    x, w = inputs()
    alone = []
    for image, style in zip(x, w @ layer.style.weight.T + layer.style.bias + 1, strict=True):
        weight = layer.conv.weight * style[None, :, None, None]  # (4, 3, 3, 3)
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if doubles:
            alone.append(F.conv2d(doubled(image[None]), weight)[:, :, 3:-3, 3:-3])
        else:
            alone.append(F.conv2d(image[None], weight, padding=1))
    expected = 2**0.5 * torch.cat(alone) + layer.bias[:, None, None]
    torch.testing.assert_close(layer(x, w), expected)


def test_adain_sets_mean_and_deviation():
    layer = layer_of(AdaInLayer)
    x, w = inputs()
    styled = layer(100 * x, w)  # beside which the norm's epsilon is nothing
    deviation = styled.std((2, 3), correction=0)
    torch.testing.assert_close(styled.mean((2, 3)), layer.shift(w))
    torch.testing.assert_close(deviation, layer.gain(w).abs(), rtol=1e-4, atol=1e-4)


def test_to_rgb():
    layer = equalize(ToRGB(3, 2, STYLE)).double()
    colours = layer.colours
    nn.init.normal_(colours.bias)
    x, w = inputs()
    expected = torch.einsum("oi,ni,nihw->nohw", colours.weight, layer.style(w), x) + colours.bias[:, None, None]
    torch.testing.assert_close(layer(x, w), expected)


def test_noise():
    torch.manual_seed(0)
    noise, x = Noise((4, 4)), torch.randn(3, 2, 4, 4)
    assert torch.equal(noise(x), x), "its strength starts at 0"
    nn.init.constant_(noise.strength, 0.5)
    added = noise(x) - x
    torch.testing.assert_close(added[:, :1].expand(3, 2, 4, 4), added)
    assert not torch.equal(noise(x), noise(x)) and not torch.equal(added[0], added[1])
    noise.eval()
    torch.testing.assert_close(noise(x), x + 0.5 * noise.fixed)


def recipe_of(conditional: bool = False, **generator: object) -> Recipe:
    own = {"channels": [6, 4], "mapping_layers": 2, **generator}
    model = {"name": "style", "latent_dim": 4, "style_dim": STYLE, "generator": own, "conditional": conditional}
    return recipe_from_dict({"model": model, "steps": 1}, "a test")


def generator_of(**settings: object) -> nn.Module:
    torch.manual_seed(0)
    network = build_network("generator", recipe_of(**settings), ImageShape(8, 8, 1, 3))
    for module in network.modules():
        if isinstance(module, Noise):
            nn.init.constant_(module.strength, 0.1)
    return network


def test_mapping_normalizes_z():
    generator, z = generator_of(), torch.randn(3, 4)
    torch.testing.assert_close(generator.mapping(z), generator.mapping(7 * z), rtol=1e-5, atol=1e-7)
    assert not torch.allclose(generator.mapping(z), generator.mapping(-z))


def test_every_layer_uses_its_style():
    generator = generator_of().eval()
    styles, others = (generator.styles(torch.randn(1, 4)) for _ in range(2))
    for layer in range(generator.style_layers):
        changed = styles.clone()
        changed[:, layer] = others[:, layer]
        assert not torch.allclose(generator.synthesis(changed), generator.synthesis(styles)), layer


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_style_mixing(share):
    generator = generator_of(channels=[4, 4, 4], style_mixing=share)
    z = torch.randn(1000, 4)
    styles, own = generator.styles(z), generator.mapping(z)
    mine = (styles == own[:, None]).all(2)  # (N, layers)
    assert mine[:, 0].all(), "the first layer is always its own"
    assert (mine.int().diff(dim=1) <= 0).all(), "once another, then to the end"
    assert abs((~mine[:, -1]).float().mean().item() - share) < 0.05
    begins = mine.sum(1)[~mine[:, -1]]
    assert set(begins.tolist()) == (set(range(1, 5)) if share else set())
    for image in styles[~mine[:, -1]][:5]:
        assert len(image.unique(dim=0)) == 2
    generator.eval()
    assert torch.equal(generator.styles(z), generator.broadcast(own)), "samples are not mixed"


def test_mean_style():
    mean, w = MeanStyle(2), torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    for count in range(1, 4):
        mean.update(w)
        torch.testing.assert_close(mean(), (1 - MEAN_DECAY**count) * torch.tensor([[2.0, 2.0]]))


def test_mean_style_of_classes():
    mean, labels = MeanStyle(1, num_classes=3), torch.tensor([0, 2, 2])
    with torch.no_grad():
        mean.w.fill_(1.0)
    mean.update(torch.tensor([[5.0], [1.0], [3.0]]), labels)
    share = 1 - MEAN_DECAY
    torch.testing.assert_close(mean.w[:, 0], torch.tensor([1 + share * 4, 1.0, 1 + share * 1]))
    torch.testing.assert_close(mean(labels), mean.w[[0, 2, 2]])
    torch.testing.assert_close(mean(), mean.w.mean(0, keepdim=True))


@pytest.mark.parametrize("conditional", [False, True])
def test_truncation(conditional):
    generator, z = generator_of(conditional=conditional), torch.randn(6, 4)
    labels = torch.arange(6) % 3 if conditional else None
    for _ in range(3):
        generator(z, labels)
    assert generator.mean.w.any() and generator.mean.w.shape == (3 if conditional else 1, STYLE)
    assert torch.equal(generator.state_dict()["mean.w"], generator.mean.w), "a checkpoint keeps it"
    generator.eval()
    w, mean = generator.mapping(z, labels), generator.mean(labels).expand(6, STYLE)
    for psi in (0.0, 0.7, 1.0):
        torch.testing.assert_close(generator.truncate(w, psi, labels), mean + psi * (w - mean))
    before = generator.mean.w.clone()
    generator(z, labels)
    assert torch.equal(generator.mean.w, before), "sampling leaves it alone"
