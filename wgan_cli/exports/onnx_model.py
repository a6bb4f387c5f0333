"""A generator as an ONNX model, compared with itself before it is written."""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.outputs.sampling import generator_of, to_uint8
from wgan_cli.outputs.translate import translator_to
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.seeds import latent_vectors

if TYPE_CHECKING:
    import onnx

OPSET = 18
NEEDS = ("onnx", "onnxscript", "onnxruntime")
TRIED = (1, 3, 7)  # images at once
MOST_APART = 1e-3  # of values in [-1, 1]; float32 gives a millionth
PSI = "truncation_psi"  # the input that need not be given
OUTPUTS = ("rgb", "images")


@dataclass(frozen=True)
class OnnxFacts:
    """What an ONNX model takes and how exact it is. inputs: form and meaning by name. difference: the largest seen."""

    inputs: dict[str, str]
    difference: float


class _Exported(nn.Module):
    """What the model computes: pixels for people and programs, and the generator's own values.

    styled: whether the last input is how near to their mean styles are.
    """

    def __init__(self, part: nn.Module, styled: bool) -> None:
        super().__init__()
        self.part, self.styled = part, styled

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs in their order -> rgb (N, 3, H, W) uint8 and images (N, C, H, W)."""
        images = self._truncated(*inputs) if self.styled else self.part(*inputs)  # (N, C, H, W)
        return as_rgb(to_uint8(images)), images

    def _truncated(self, z: Tensor, *others: Tensor) -> Tensor:
        *labels, psi = others
        w = self.part.truncate(self.part.mapping(z, *labels), psi, *labels)  # (N, style_dim)
        return self.part.synthesis(self.part.broadcast(w))


def as_rgb(images: Tensor) -> Tensor:
    """Grey as three equal channels, and no alpha: (N, C, H, W) -> (N, 3, H, W)."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images[:, :3]


def check_can_export(what: str) -> None:
    """Refuse early where a package is missing. Raises: WganError."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise WganError(f"{what} needs {' and '.join(missing)}, not installed here", "pip install 'wgan[export]'")


def export_onnx(checkpoint: Checkpoint, path: Path, to: str = "b") -> OnnxFacts:
    """Write a checkpoint's generator as an ONNX model whose images, for 1, 3 and 7 at once, are those of torch.

    Inputs: z (N, latent_dim) float32; labels (N,) int64, where it knows classes; truncation_psi, one float32, 1 where
    it is not given, where it has styles. Or source (N, C, H, W) float32 in [-1, 1], where it translates.
    Outputs: rgb (N, 3, H, W) uint8, and images (N, C, H, W) float32 in [-1, 1].

    Args:
        to: the side to which a generator that translates leads, "a" or "b".
    Raises: WganError where the two differ by more than MOST_APART; no file is then left.
    """
    import onnx

    generator = generator_of(checkpoint, str(path), torch.device("cpu"))
    inputs = _inputs(checkpoint)
    model = _translated(_exported(_plain_generator(checkpoint, path), checkpoint, to), inputs, checkpoint)
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    difference = _difference(content, _exported(generator, checkpoint, to), inputs, path)
    make_parent(path)
    write_atomically(path, lambda file: file.write(content))
    return OnnxFacts({name: meaning for name, (_, meaning) in inputs.items()}, difference)


def _plain_generator(checkpoint: Checkpoint, path: Path) -> nn.Module:
    """The generator with weights that are what is computed with: scales are already in them.

    It is built anew, for a copy would share its classes with the first, and that would lose its scales too.
    """
    plain = generator_of(checkpoint, str(path), torch.device("cpu"))
    for module in list(plain.modules()):
        for name in list(module.parametrizations) if is_parametrized(module) else ():
            remove_parametrizations(module, name)
    return plain.requires_grad_(False)


#: From a number of images to values of one input for them.
Draw = Callable[[int], Tensor]


def _exported(generator: nn.Module, checkpoint: Checkpoint, to: str) -> _Exported:
    """What to export of a generator: all of it, or the half that leads to a side."""
    model = checkpoint.recipe.model
    return _Exported(translator_to(generator, to) if checkpoint.recipe.translates else generator, model.has_style_space)


def _inputs(checkpoint: Checkpoint) -> dict[str, tuple[Draw, str]]:
    """The inputs by name: how to draw some, and what they are."""
    model, image = checkpoint.recipe.model, checkpoint.image
    if checkpoint.recipe.translates:
        shape = (image.channels, image.size, image.size)
        source = (partial(_random_images, shape), f"float32 (N, {', '.join(map(str, shape))}) in [-1, 1]")
        return {"source": source}
    inputs: dict[str, tuple[Draw, str]] = {
        "z": (partial(_random_latents, model.latent_dim), f"float32 (N, {model.latent_dim}), standard normal")
    }
    if model.conditional:
        draw = partial(_labels_in_turn, image.num_classes)
        inputs["labels"] = (draw, f"int64 (N,), classes from 0 to {image.num_classes - 1}")
    if model.has_style_space:
        inputs[PSI] = (_some_psi, "float32, one number, 1 where it is left out: 0 draws the mean style")
    return inputs


def _random_latents(latent_dim: int, count: int) -> Tensor:
    return torch.from_numpy(latent_vectors(0, range(count), latent_dim))


def _random_images(shape: tuple[int, int, int], count: int) -> Tensor:
    return torch.from_numpy(latent_vectors(0, range(count), int(np.prod(shape)))).tanh().unflatten(1, shape)


def _labels_in_turn(num_classes: int, count: int) -> Tensor:
    return torch.arange(count) % num_classes


def _some_psi(count: int) -> Tensor:
    return torch.tensor(0.7)


def _translated(network: _Exported, inputs: dict[str, tuple[Draw, str]], checkpoint: Checkpoint) -> onnx.ModelProto:
    """The network as ONNX's operators, for any number of images at once."""
    from onnx import numpy_helper

    examples = tuple(draw(2) for draw, _ in inputs.values())  # of one image, torch would take the number for fixed
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} if example.ndim else {} for example in examples)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network, examples, dynamo=True, opset_version=OPSET, input_names=list(inputs),
                output_names=list(OUTPUTS), dynamic_shapes=(shapes,), verbose=False,
            )  # fmt: skip
    except torch.onnx.OnnxExporterError as error:
        raise WganError(
            f"torch {torch.__version__} cannot write this generator as ONNX: {str(error).splitlines()[0]:.300}",
            "install the torch with which it was trained, or export .safetensors",
            ExitStatus.FAILED,
        ) from error
    model = program.model_proto
    if PSI in inputs:  # an input that also has a value is one that may be left out
        model.graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), PSI))
    model.producer_name = "wgan"
    facts = {**checkpoint.facts, "inputs": {name: meaning for name, (_, meaning) in inputs.items()}}
    entry = model.metadata_props.add()
    entry.key, entry.value = "wgan", json.dumps(facts)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter tells those who write exporters."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


@torch.no_grad()
def _difference(content: bytes, network: _Exported, inputs: dict[str, tuple[Draw, str]], path: Path) -> float:
    """The largest difference between a model's images, run by onnxruntime, and the network's own. Raises: WganError."""
    session = open_session(content)
    apart = 0.0
    for count in TRIED:
        given = {name: draw(count) for name, (draw, _) in inputs.items()}
        _, wanted = network(*given.values())
        try:
            (found,) = session.run(["images"], {name: value.numpy() for name, value in given.items()})
        except Exception as error:  # onnxruntime's own, which have no base of their own
            raise _differs(path, f"fails for {count} images: {str(error).splitlines()[0]:.200}") from error
        if found.shape != tuple(wanted.shape):
            raise _differs(path, f"gives {found.shape} for {count} images")
        apart = max(apart, float(np.abs(found - wanted.numpy()).max()))
    if not apart <= MOST_APART:  # which NaN is not either
        raise _differs(path, f"is {apart:.3g} away from it")
    return apart


def open_session(content: bytes) -> Any:
    """An onnxruntime session on the processor, with as many threads as torch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors; it warns of every input that may be left out
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _differs(path: Path, how: str) -> WganError:
    return WganError(
        f"{path} was not written: run by onnxruntime the model {how}; {MOST_APART} is the most that is right",
        "another version of torch or onnxruntime may do better; export .safetensors meanwhile",
        ExitStatus.FAILED,
    )
