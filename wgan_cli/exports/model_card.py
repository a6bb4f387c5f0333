"""The page that goes with an exported generator: what it is, what it takes, how good it is, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping

from wgan_cli import __version__
from wgan_cli.data import license_of
from wgan_cli.errors import one_line
from wgan_cli.exports.onnx_model import OPSET, PSI, OnnxFacts
from wgan_cli.recipe.yaml import dump_yaml
from wgan_cli.runs.checkpoint import Checkpoint

MOST_CLASSES = 100  # named on the page

_NOISE = """\
import torch
from PIL import Image
from wgan_cli import load_generator

generator = load_generator(".")  # this folder
images = generator.sample(16, seed=0)  # {images} in [-1, 1]
pixels = ((images + 1) * 127.5).round().to(torch.uint8)
row = torch.cat(list(pixels), dim=2)[:3]  # side by side
Image.fromarray(row.permute(1, 2, 0).expand(-1, -1, 3).numpy()).save("sampled.png")
"""
_NOISE_ONNX = """\
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("model.onnx")
z = np.random.default_rng(0).standard_normal((16, {latent_dim})).astype(np.float32)
rgb, images = session.run(None, {{"z": z{labels}}})  # uint8, and float32 in [-1, 1]
row = np.concatenate(list(rgb), axis=2)  # side by side
Image.fromarray(row.transpose(1, 2, 0)).save("sampled_onnx.png")
"""
_IMAGE = """\
import torch
from PIL import Image
from wgan_cli import load_generator

generator = load_generator(".")  # this folder
images = torch.rand(1, {shape}) * 2 - 1  # put your own here, in [-1, 1]
pixels = ((generator.translate(images, to="b") + 1) * 127.5).round().to(torch.uint8)
Image.fromarray(pixels[0, :3].permute(1, 2, 0).expand(-1, -1, 3).numpy()).save("sampled.png")
"""
_IMAGE_ONNX = """\
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("to_b.onnx")
source = np.random.default_rng(0).uniform(-1, 1, (1, {shape})).astype(np.float32)  # put your own here
rgb, images = session.run(None, {{"source": source}})  # uint8, and float32 in [-1, 1]
Image.fromarray(rgb[0].transpose(1, 2, 0)).save("sampled_onnx.png")
"""


def model_card(
    checkpoint: Checkpoint, models: Mapping[str, OnnxFacts], scores: Mapping[str, float], grid: str | None
) -> str:
    """The README.md of an exported generator, with the front matter that the Hugging Face hub reads.

    Args:
        models: by file name. scores: of the evaluation at this step. grid: the sample grid's file, if there is one.
    """
    recipe, model = checkpoint.recipe, checkpoint.recipe.model
    name = recipe.name
    tags = ["gan", recipe.objective.name, model.name, "pytorch", "onnx", "safetensors"]
    parts = [
        "---",
        "library_name: wgan",
        f"tags: [{', '.join(tags)}]",
        "# license: choose one for the weights, and see below what that of the data asks for",
        "---",
        "",
        f"# {name}",
        "",
        f"A generator of {checkpoint.image} images: {one_line(checkpoint.source)}, exported by wgan {__version__}.",
        *([] if grid is None else ["", f"![Samples]({grid})"]),
        "",
        "## What it is",
        "",
        f"- Objective `{recipe.objective.name}`: {recipe.objective.paper}.",
        f"- Networks `{model.name}`, trained on {recipe.data.title}.",
        f"- Classes: {_classes(checkpoint)}." if model.conditional else "- It knows no classes.",
        f"- Licence of the data: {license_of(recipe.data)} The weights learnt from it; theirs is yours to say.",
        "",
        *_scores(checkpoint, scores),
        "## Use",
        "",
        "With wgan:",
        "",
        "```python",
        *_code(checkpoint, _IMAGE if checkpoint.recipe.translates else _NOISE),
        "```",
        "",
        f"Without it, by onnxruntime (opset {OPSET}; any number of images at once):",
        "",
        "```python",
        *_code(checkpoint, _IMAGE_ONNX if checkpoint.recipe.translates else _NOISE_ONNX),
        "```",
        "",
        *_inputs(models),
        "## Recipe",
        "",
        "`wgan train --recipe FILE.yaml` trains it again from this:",
        "",
        "```yaml",
        dump_yaml(recipe.as_dict()).rstrip(),
        "```",
    ]
    return "\n".join(parts) + "\n"


def _classes(checkpoint: Checkpoint) -> str:
    """Their names, of which folders of images make any; as code, so that none is more than a word of the page."""
    names = [f"`{one_line(name).replace('`', '')}`" for name in checkpoint.class_names]
    more = f", and {len(names) - MOST_CLASSES} more" if len(names) > MOST_CLASSES else ""
    return ", ".join(names[:MOST_CLASSES]) + more


def _scores(checkpoint: Checkpoint, scores: Mapping[str, float]) -> list[str]:
    best = checkpoint.score
    if best is None and not scores:
        return ["It was not evaluated; `wgan evaluate` does that.", ""]
    lines = ["## Scores", ""]
    if best is not None:
        lines += [f"The best of its run by {best.by}: {best.value:.4g}, measured in {best.measured}.", ""]
    if scores:
        lines += [
            "| score | value |",
            "| --- | ---: |",
            *(f"| {name} | {value:.4g} |" for name, value in scores.items()),
        ]
        lines += [
            "",
            "Measured by wgan while it trained, in features of its own: no FID of papers compares.",
            "",
        ]
    return lines


def _code(checkpoint: Checkpoint, template: str) -> list[str]:
    image, model = checkpoint.image, checkpoint.recipe.model
    shape = f"{image.channels}, {image.size}, {image.size}"
    labels = f', "labels": np.arange(16) % {image.num_classes}' if model.conditional else ""
    values = {"latent_dim": model.latent_dim, "size": image.size, "shape": shape, "labels": labels}
    return template.format(images=f"(16, {shape})", **values).rstrip().splitlines()


def _inputs(models: Mapping[str, OnnxFacts]) -> list[str]:
    lines = ["| file | input | form |", "| --- | --- | --- |"]
    lines += [
        f"| `{file}` | `{name}` | {meaning} |"
        for file, facts in models.items()
        for name, meaning in facts.inputs.items()
    ]
    apart = max(facts.difference for facts in models.values())
    lines += ["", "Outputs: `rgb` uint8 (N, 3, H, W), and `images` float32 (N, C, H, W) in [-1, 1]. "]
    lines[-1] += f"Values differ from torch's by {apart:.1e} at most."
    if any(PSI in facts.inputs for facts in models.values()):
        lines[-1] += f" `{PSI}` may be left out; give it as `np.array(0.7, np.float32)`."
    return [*lines, ""]
