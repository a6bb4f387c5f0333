"""Truncation, interpolation and style mixing of a small untrained generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.latent_space.styles import (
    FromStyles,
    Mix,
    Truncated,
    draw_styles,
    parse_mix,
    styles_of,
    walk,
    walker,
)
from wgan_cli.outputs.sampling import generate, slerp_path
from wgan_cli.recipe import ImageShape, recipe_from_dict
from wgan_cli.utils.seeds import latent_vectors

CLASSES = np.array([0, 2, 1, 1])
Z = latent_vectors(0, range(4), 3)


def generator_of(conditional: bool = False) -> StyleSpace:
    model = {
        "name": "style", "latent_dim": 3, "style_dim": 5, "conditional": conditional,
        "generator": {"channels": [4, 4], "mapping_layers": 2, "style_mixing": 0.0},
    }  # fmt: skip
    torch.manual_seed(0)
    network = build_network(
        "generator", recipe_from_dict({"model": model, "steps": 1}, "a test"), ImageShape(8, 8, 1, 3)
    )
    for _ in range(2):  # so that there is a mean
        network(torch.randn(9, 3), torch.arange(9) % 3 if conditional else None)
    return network.eval().requires_grad_(False)


def images(network: nn.Module, inputs: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    return torch.cat(list(generate(network, inputs.astype(np.float32), 8, labels))).numpy().astype(int)


def test_truncation():
    generator = generator_of()
    whole = images(generator, Z)
    np.testing.assert_array_equal(images(Truncated(generator, 1.0), Z), whole)
    mean = images(Truncated(generator, 0.0), Z)
    assert all(np.array_equal(image, mean[0]) for image in mean)
    apart = [np.abs(images(Truncated(generator, psi), Z) - mean).sum() for psi in (0.3, 0.7, 1.0)]
    assert 0 < apart[0] < apart[1] < apart[2]


def test_truncation_per_class():
    means = images(Truncated(generator_of(conditional=True), 0.0), Z, CLASSES)
    np.testing.assert_array_equal(means[2], means[3])
    assert not np.array_equal(means[0], means[1])


@pytest.mark.parametrize("labels", [None, np.array([2, 0, 0])])
def test_style_walk(labels):
    generator = generator_of(conditional=labels is not None)
    path = walk(generator, Z, frames=5, closed=False, labels=labels).reshape(3, 5, 5)
    for leg in range(3):
        own = None if labels is None else labels[[leg, leg]]  # the whole leg is in one class
        start, end = styles_of(generator, Z[leg : leg + 2], own)
        np.testing.assert_allclose(path[leg], start + (end - start) * np.linspace(0, 1, 5)[:, None], atol=1e-6)
        ends = images(walker(generator), path[leg][[0, -1]])
        np.testing.assert_allclose(ends, images(generator, Z[leg : leg + 2], own), atol=1)


def test_closed_style_walk():
    generator = generator_of()
    path = walk(generator, Z[:3], frames=4, closed=True)
    assert path.shape == (12, 5)
    np.testing.assert_allclose(path[::4], styles_of(generator, Z[:3]), atol=1e-6)
    first, last = path[0], path[8]
    np.testing.assert_allclose(path[9], last + (first - last) / 4, atol=1e-6)


def test_other_walks():
    plain = nn.Identity()
    assert walker(plain) is plain
    np.testing.assert_array_equal(walk(plain, Z, 4, closed=True), slerp_path(Z, 4, closed=True))
    truncated = Truncated(generator_of(), 0.5)
    np.testing.assert_allclose(walk(truncated, Z, 2, closed=False)[0], styles_of(truncated, Z)[0], atol=1e-6)


def test_mix():
    generator, mix = generator_of(), Mix((0, 1), (2, 3, 0), (1, 2))
    w = styles_of(generator, Z)
    mixed = mix.styles(w[[0, 1, 2, 3, 0]], style_layers=3)
    assert mixed.shape == (6, 3, 5)
    on_samples = images(FromStyles(generator), mixed)
    for place, (row, column) in enumerate([(0, 2), (0, 3), (0, 0), (1, 2), (1, 3), (1, 0)]):
        styles = torch.from_numpy(np.stack([w[row], w[column], w[column]]))[None]  # (1, 3, 5)
        expected = generator.synthesis(styles).add(1).mul(127.5).round().numpy().astype(int)
        np.testing.assert_allclose(on_samples[place], expected[0], atol=1)
    np.testing.assert_allclose(on_samples[2], images(generator, Z[:1])[0], atol=1)  # an image with itself
    whole = images(FromStyles(generator), Mix((0, 1), (2, 3, 0), (0, 1, 2)).styles(w[[0, 1, 2, 3, 0]], 3))
    np.testing.assert_allclose(whole[:3], images(generator, Z[[2, 3, 0]]), atol=1)


def test_stored_styles():
    generator = generator_of(conditional=True)
    w = styles_of(generator, Z, CLASSES)
    whole = images(generator, Z, CLASSES)
    per_layer = np.repeat(w[:, None], 3, axis=1)
    for rows in (w, per_layer):
        drawing = draw_styles(generator, rows, CLASSES, None)
        np.testing.assert_allclose(images(drawing.network, drawing.inputs), whole, atol=1)
        truncated = Truncated(generator, 0.3)
        drawing = draw_styles(truncated, rows, CLASSES, None)
        np.testing.assert_allclose(images(drawing.network, drawing.inputs), images(truncated, Z, CLASSES), atol=1)
        drawing = draw_styles(generator, rows, CLASSES, 4)
        np.testing.assert_allclose(images(drawing.network, drawing.inputs)[[0, 4, 8, 11]], whole, atol=1)
        assert len(drawing.inputs) == 12 and drawing.columns == 4


def test_parse_mix():
    assert parse_mix("0-2,7:4:3,0-1", layers=5) == Mix((0, 1, 2, 7), (4,), (3, 0, 1))
    assert parse_mix("5:5:1,1", layers=2).layers == (1,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0:1", "'0:1' is not A:B:LAYERS"),
        ("", "'' is not A:B:LAYERS"),
        ("x:1:0", "'x' is neither an image's number nor a range"),
        ("0:1:fine", "'fine' is neither a layer nor a range"),
        ("0:1:5", "layer 5 is out of range"),
    ],
)
def test_invalid_mix(text, message):
    with pytest.raises(WganError) as refused:
        parse_mix(text, layers=5)
    assert refused.value.message.startswith("--mix") and message in refused.value.message and refused.value.hint
