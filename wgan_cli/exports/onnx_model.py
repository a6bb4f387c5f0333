"""ONNX export of generators, verified against PyTorch before the file is written."""

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.sampling import generator_of
from wgan_cli.outputs.translate import translator_to
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.files import make_parent, write_atomically
from wgan_cli.utils.pixels import default_preview, preview, to_uint8
from wgan_cli.utils.seeds import latent_vectors

OPSET = 18
REQUIRED = ("onnx", "onnxscript", "onnxruntime")
BATCH_SIZES = (1, 3, 7)  # verified
TOLERANCE = 1e-3  # of values in [-1, 1]; float32 usually gives 1e-6
PSI = "truncation_psi"  # optional input
OUTPUTS = ("rgb", "images")


@dataclass(frozen=True)
class OnnxFacts:
    """Inputs of an ONNX model (shape and meaning by name), and its largest difference from PyTorch.

    background: color behind transparent images in the output `rgb`, None if images are opaque.
    bands: the bands that `rgb` shows, None if it shows all.
    """

    inputs: dict[str, str]
    difference: float
    background: str | None = None
    bands: str | None = None


class _Exported(nn.Module):
    """Exported graph: RGB pixels and the generator's float output. With `styled`, the last input is truncation psi.

    In RGB pixels, transparent images are composited onto the `background`, and of other bands those in `bands` show.
    """

    def __init__(
        self, part: nn.Module, styled: bool, background: tuple[int, int, int], bands: tuple[int, ...] | None
    ) -> None:
        super().__init__()
        self.part, self.styled, self.bands = part, styled, bands
        self.background: Tensor
        self.register_buffer("background", torch.tensor(background, dtype=torch.float32).view(3, 1, 1))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs in order -> rgb (N, 3, H, W) uint8 and images (N, C, H, W) float32."""
        if self.styled:
            z, *labels, psi = inputs
            generator = cast(StyleSpace, self.part)
            w = generator.truncate(generator.mapping(z, *labels), psi, *labels)  # (N, style_dim)
            images = generator.synthesis(generator.broadcast(w))
        else:
            images = self.part(*inputs)  # (N, C, H, W)
        pixels = preview(to_uint8(images), self.bands)
        if pixels.shape[1] == 4:
            color, alpha = pixels.float().split([3, 1], dim=1)  # (N, 3, H, W), (N, 1, H, W)
            pixels = (self.background + (color - self.background) * (alpha / 255)).round().to(torch.uint8)
        return pixels.expand(-1, 3, -1, -1), images


def check_can_export(what: str) -> None:
    """Check that the packages for an export are installed. Raises: WganError."""
    missing = [name for name in REQUIRED if importlib.util.find_spec(name) is None]
    if missing:
        raise WganError(f"{what} needs {' and '.join(missing)}, not installed here", "pip install 'wgan[export]'")


def export_onnx(checkpoint: Checkpoint, path: Path, to: str = "b") -> OnnxFacts:
    """Write a checkpoint's generator as an ONNX model, verified for batches of 1, 3 and 7 images.

    Inputs: z (N, latent_dim) float32; labels (N,) int64 for conditional models; truncation_psi, a float32 scalar with
    default 1, for models with a style space. Translation models: source (N, C, H, W) float32 in [-1, 1].
    Outputs: rgb (N, 3, H, W) uint8, and images (N, C, H, W) float32 in [-1, 1].

    Args:
        to: target domain of a translation model, "a" or "b".
    Raises: WganError if the images differ from PyTorch's by more than TOLERANCE; no file is written.
    """
    import onnx

    generator = _exported(checkpoint, path, to)
    plain = _exported(checkpoint, path, to)
    # Fold parametrizations (weight scales) into the weights. A deep copy would share the parametrized classes.
    for module in list(plain.modules()):
        for name in list(cast(nn.ModuleDict, module.parametrizations)) if is_parametrized(module) else ():
            remove_parametrizations(module, name)
    inputs = _inputs(checkpoint)
    model = _converted(plain.requires_grad_(False), inputs, checkpoint)
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    difference = _difference(content, generator, inputs, path)
    make_parent(path)
    write_atomically(path, lambda file: file.write(content))
    settings, channels = _settings_of_side(checkpoint, to), checkpoint.image.channels
    shown = settings.preview_channels or default_preview(channels)
    return OnnxFacts(
        inputs={name: meaning for name, (_, meaning) in inputs.items()},
        difference=difference,
        background=settings.background_name if channels == 4 and shown is None else None,
        bands=None if shown is None else f"{', '.join(map(str, shown))} of {channels}",
    )


#: Function from a batch size to example values of an input.
Draw = Callable[[int], Tensor]


def _exported(checkpoint: Checkpoint, path: Path, to: str) -> _Exported:
    generator = generator_of(checkpoint, str(path), torch.device("cpu"))
    part = translator_to(generator, to) if checkpoint.recipe.translates else generator
    settings = _settings_of_side(checkpoint, to)
    return _Exported(part, checkpoint.recipe.model.has_style_space, settings.background_rgb, settings.preview_channels)


def _settings_of_side(checkpoint: Checkpoint, to: str) -> DataSettings:
    data = checkpoint.recipe.data
    return data if isinstance(data, DataSettings) else getattr(data, to)


def _inputs(checkpoint: Checkpoint) -> dict[str, tuple[Draw, str]]:
    """Return example values and a description of each input by name."""
    model, image = checkpoint.recipe.model, checkpoint.image

    def latents(count: int, latent_dim: int = model.latent_dim) -> Tensor:
        return torch.from_numpy(latent_vectors(0, range(count), latent_dim))

    if checkpoint.recipe.translates:
        shape = (image.channels, *image.size)
        meaning = f"float32 (N, {', '.join(map(str, shape))}) in [-1, 1]"
        return {"source": (lambda count: latents(count, image.pixels).tanh().unflatten(1, shape), meaning)}
    inputs: dict[str, tuple[Draw, str]] = {"z": (latents, f"float32 (N, {model.latent_dim}), standard normal")}
    if model.conditional:
        last = image.num_classes - 1
        inputs["labels"] = (
            lambda count: torch.arange(count) % image.num_classes,
            f"int64 (N,), classes from 0 to {last}",
        )
    if model.has_style_space:
        inputs[PSI] = (lambda count: torch.tensor(0.7), "float32 scalar, default 1; 0 gives the mean style")
    return inputs


def _converted(network: _Exported, inputs: dict[str, tuple[Draw, str]], checkpoint: Checkpoint) -> Any:
    """Convert the network to ONNX with a dynamic batch size."""
    from onnx import numpy_helper

    examples = tuple(draw(2) for draw, _ in inputs.values())  # with batch size 1, torch.export would specialize on it
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} if example.ndim else {} for example in examples)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # no reports about the exporter's progress
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network, examples, dynamo=True, opset_version=OPSET, input_names=list(inputs),
                output_names=list(OUTPUTS), dynamic_shapes=(shapes,), verbose=False,
            )  # fmt: skip
    except torch.onnx.OnnxExporterError as error:
        raise WganError(
            f"torch {torch.__version__} cannot export this generator to ONNX: {str(error).splitlines()[0]:.300}",
            "install the torch version that it was trained with, or export .safetensors",
            ExitStatus.FAILED,
        ) from error
    assert program is not None
    model = program.model_proto
    if PSI in inputs:  # an input with an initializer is optional
        model.graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), PSI))
    model.producer_name = "wgan"
    facts = {**checkpoint.facts, "inputs": {name: meaning for name, (_, meaning) in inputs.items()}}
    model.metadata_props.add(key="wgan", value=json.dumps(facts))
    return model


@torch.no_grad()
def _difference(content: bytes, network: _Exported, inputs: dict[str, tuple[Draw, str]], path: Path) -> float:
    """Return the largest difference between onnxruntime's and the network's images. Raises: WganError."""
    session = open_session(content)
    largest = 0.0
    for count in BATCH_SIZES:
        given = {name: draw(count) for name, (draw, _) in inputs.items()}
        _, wanted = network(*given.values())
        try:
            (found,) = session.run(["images"], {name: value.numpy() for name, value in given.items()})
        except Exception as error:  # onnxruntime's exceptions have no common base
            raise _differs(path, f"fails for {count} images: {str(error).splitlines()[0]:.200}") from error
        if found.shape != tuple(wanted.shape):
            raise _differs(path, f"gives {found.shape} for {count} images")
        largest = max(largest, float(np.abs(found - wanted.numpy()).max()))
    if not largest <= TOLERANCE:  # also rejects NaN
        raise _differs(path, f"differs by {largest:.3g}")
    return largest


def open_session(content: bytes) -> Any:
    """Open an onnxruntime session on the CPU with torch's number of threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors only; it warns about every optional input
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _differs(path: Path, how: str) -> WganError:
    return WganError(
        f"{path} was not written: in onnxruntime the model {how} (tolerance {TOLERANCE})",
        "try another version of torch or onnxruntime, or export .safetensors",
        ExitStatus.FAILED,
    )
