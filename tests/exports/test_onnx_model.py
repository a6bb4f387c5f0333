"""Generators as ONNX models: every family, any number of images, and nothing written that is not the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.exports import onnx_model
from wgan_cli.networks import build_network
from wgan_cli.outputs.grid import as_picture
from wgan_cli.outputs.sampling import generator_of
from wgan_cli.recipe import ImageShape, load_recipe
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.pixels import preview, to_uint8
from wgan_cli.utils.transparency import composited

CPU = torch.device("cpu")
SMALL = "model.generator.channels=[4,4]"
#: By what each shows: recipe, image, settings.
CASES = {
    "mlp": ("mnist_mlp", ImageShape(8, 8, 1), "model.generator.widths=[8]"),
    "dcgan with classes": ("mnist_cdcgan_gp", ImageShape(16, 24, 4, 3), SMALL, "model.critic.channels=[4]"),
    "alpha": ("mnist_mlp", ImageShape(8, 12, 4), "model.generator.widths=[8]", "data.background=[0, 50, 255]"),
    "bands": ("mnist_mlp", ImageShape(8, 8, 5), "model.generator.widths=[8]", "data.preview_channels=[5, 1, 2]"),
    "resnet with classes": ("cifar10_resnet_ac", ImageShape(16, 16, 3, 10), SMALL),
    "style with classes": ("mnist_style", ImageShape(16, 16, 1, 3), SMALL, "model.conditional=true"),
    "layer list": ("tutorial_mlp_gan", ImageShape(28, 28, 1)),
    "translation": ("mnist_cyclegan", ImageShape(16, 16, 1), "model.generator.channels=4", "model.generator.blocks=1"),
}


def made(case: str) -> Checkpoint:
    base, image, *settings = CASES[case]
    recipe = load_recipe(base, ["eval_every=null", *settings])
    torch.manual_seed(0)
    network = build_network("generator", recipe, image)
    for name, buffer in network.named_buffers():  # as if it were trained: normalisations that do something
        if name.endswith(("running_mean", "mean.w")):
            buffer.normal_()
    for name, parameter in network.named_parameters():
        if name.endswith("strength"):
            torch.nn.init.ones_(parameter)
    names = tuple(str(number) for number in range(image.num_classes))
    return Checkpoint(recipe, image, names, 7, {"generator": network.state_dict()})


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Callable[[str], tuple[Checkpoint, Path, onnx_model.OnnxFacts]]:
    """A case's generator and its ONNX file, made once."""

    @cache
    def export(case: str) -> tuple[Checkpoint, Path, onnx_model.OnnxFacts]:
        checkpoint, path = made(case), tmp_path_factory.mktemp("exported") / "deeper" / "G.onnx"
        return checkpoint, path, onnx_model.export_onnx(checkpoint, path)

    return export


#: Cases that take long; `wgan export` of a dcgan is in test_model_folder.py.
SLOW = ("dcgan with classes", "resnet with classes")


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow) if c in SLOW else c for c in CASES])
def test_every_family_gives_the_same_images(exported, case):
    import onnx

    checkpoint, path, facts = exported(case)
    generator = generator_of(checkpoint, case, CPU)
    assert facts.difference < 1e-4
    session, model = onnx_model.open_session(path.read_bytes()), onnx.load(path)
    assert model.opset_import[0].version == onnx_model.OPSET
    about = json.loads({entry.key: entry.value for entry in model.metadata_props}["wgan"])
    assert about["recipe"] == checkpoint.recipe.as_dict()
    assert about["inputs"] == facts.inputs

    image, settings = checkpoint.image, checkpoint.recipe.model
    background = (0, 50, 255) if case == "alpha" else (255, 255, 255)
    assert facts.background == {"alpha": "RGB (0, 50, 255)", "dcgan with classes": "white"}.get(case)
    assert facts.bands == ("5, 1, 2 of 5" if case == "bands" else None)
    random = np.random.default_rng(0)
    for count in (1, 5):
        if settings.latent_dim:
            given = {"z": random.standard_normal((count, settings.latent_dim)).astype(np.float32)}
        else:
            given = {"source": random.uniform(-1, 1, (count, 1, 16, 16)).astype(np.float32)}
        if settings.conditional:
            given["labels"] = np.arange(count) % image.num_classes
        assert [each.name for each in session.get_inputs()] == list(given)
        rgb, images = session.run(None, given)
        network = generator if settings.latent_dim else generator.to_b
        wanted = network(*map(torch.from_numpy, given.values()))
        np.testing.assert_allclose(images, wanted.numpy(), atol=1e-4)
        assert (rgb.dtype, rgb.shape) == (np.uint8, (count, 3, *image.size))
        bands = checkpoint.recipe.data.preview_channels
        pixels = preview(to_uint8(torch.from_numpy(images)), bands)
        shown = [np.asarray(composited(as_picture(each), background)) for each in pixels]
        differences = np.abs(rgb.astype(int) - np.stack(shown).transpose(0, 3, 1, 2))
        assert differences.max() <= (1 if image.channels == 4 else 0)  # Pillow rounds alpha otherwise
    if settings.has_style_space:
        check_truncation(session, generator, given)


def check_truncation(session, generator, given: dict[str, np.ndarray]) -> None:
    z, labels = (torch.from_numpy(value) for value in given.values())
    assert [each.name for each in session.get_overridable_initializers()] == ["truncation_psi"]
    for psi in (0.0, 0.4, 1.0, -1.0):
        (found,) = session.run(["images"], {**given, "truncation_psi": np.array(psi, np.float32)})
        mean = generator.mean.w[labels]
        w = mean + psi * (generator.mapping(z, labels) - mean)
        np.testing.assert_allclose(found, generator.synthesis(generator.broadcast(w)).numpy(), atol=1e-4)
    with_one = session.run(["images"], {**given, "truncation_psi": np.array(1, np.float32)})
    np.testing.assert_array_equal(session.run(["images"], given), with_one)


def test_a_model_that_differs_is_not_written(tmp_path, monkeypatch):
    run = onnx_model._difference

    def wrong(content, network, *more):
        with torch.no_grad():
            network.part.to_image.bias.add_(0.5)
        return run(content, network, *more)

    monkeypatch.setattr(onnx_model, "_difference", wrong)
    with pytest.raises(WganError, match="G.onnx was not written: .* differs by 0") as caught:
        onnx_model.export_onnx(made("mlp"), tmp_path / "G.onnx")
    assert caught.value.status == 1
    assert list(tmp_path.iterdir()) == []


def test_torch_fidelity_reads_it(exported):
    fidelity = pytest.importorskip("torch_fidelity")
    checkpoint, path, _ = exported("mlp")
    asked = {"z_size": checkpoint.recipe.model.latent_dim, "z_type": "normal", "num_classes": 0}
    model = fidelity.generative_model_onnx.GenerativeModelONNX(str(path), **asked)
    images = model(torch.randn(6, checkpoint.recipe.model.latent_dim))
    assert (images.dtype, tuple(images.shape)) == (torch.uint8, (6, 3, 8, 8))


def test_a_missing_package_is_named(monkeypatch):
    found = onnx_model.importlib.util.find_spec
    monkeypatch.setattr(
        onnx_model.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else found(name)
    )
    with pytest.raises(WganError, match="G.onnx needs onnxscript, not installed here") as caught:
        onnx_model.check_can_export("G.onnx")
    assert caught.value.hint == "pip install 'wgan[export]'"
