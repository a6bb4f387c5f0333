"""Model card of an exported generator."""

from __future__ import annotations

from collections.abc import Mapping

from wgan_cli import __version__
from wgan_cli.data.load import license_of
from wgan_cli.errors import one_line
from wgan_cli.exports.onnx_model import OPSET, PSI, OnnxFacts
from wgan_cli.recipe.yaml import dump_yaml
from wgan_cli.runs.checkpoint import Checkpoint

MAX_CLASSES = 100  # listed

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


_CARD = """\
---
library_name: wgan
tags: [gan, {objective}, {networks}, pytorch, onnx, safetensors]
# license: choose one for the weights; the data's license below may restrict it
---

# {name}

Generator of {image} images: {source}, exported by wgan {version}.
{grid}
## Model

- Objective `{objective}`: {paper}.
- Networks `{networks}`, trained on {data}.
- {classes}
- License of the data: {license} The license of the weights is up to you.

{scores}
## Usage

With wgan:

```python
{code}
```

Without wgan, with onnxruntime (opset {opset}, any batch size):

```python
{onnx_code}
```

{inputs}

## Recipe

Train it again with `wgan train --recipe FILE.yaml`:

```yaml
{recipe}
```
"""


def model_card(
    checkpoint: Checkpoint, models: Mapping[str, OnnxFacts], scores: Mapping[str, float], grid: str | None
) -> str:
    """Return the README.md of an exported generator, with front matter for the Hugging Face Hub.

    Args:
        models: facts of each ONNX file by name.
        scores: logged at the checkpoint's step.
        grid: file name of the sample grid, if any.
    """
    recipe, model = checkpoint.recipe, checkpoint.recipe.model
    return _CARD.format(
        name=recipe.name,
        objective=recipe.objective.name,
        networks=model.name,
        image=checkpoint.image,
        source=one_line(checkpoint.source),
        version=__version__,
        grid="" if grid is None else f"\n![Samples]({grid})\n",
        paper=recipe.objective.paper,
        data=recipe.data.title,
        classes=f"Classes: {_classes(checkpoint)}." if model.conditional else "Unconditional.",
        license=license_of(recipe.data),
        scores="\n".join(_scores(checkpoint, scores)),
        code=_code(checkpoint, _IMAGE if recipe.translates else _NOISE),
        opset=OPSET,
        onnx_code=_code(checkpoint, _IMAGE_ONNX if recipe.translates else _NOISE_ONNX),
        inputs="\n".join(_inputs(models)),
        recipe=dump_yaml(recipe.as_dict()).rstrip(),
    )


def _classes(checkpoint: Checkpoint) -> str:
    """List the class names as code, because folder names may contain Markdown."""
    names = [f"`{one_line(name).replace('`', '')}`" for name in checkpoint.class_names]
    more = f", and {len(names) - MAX_CLASSES} more" if len(names) > MAX_CLASSES else ""
    return ", ".join(names[:MAX_CLASSES]) + more


def _scores(checkpoint: Checkpoint, scores: Mapping[str, float]) -> list[str]:
    best = checkpoint.score
    if best is None and not scores:
        return ["Not evaluated; `wgan evaluate` computes scores.", ""]
    lines = ["## Scores", ""]
    if best is not None:
        lines += [f"Best generator of its run by {best.by}: {best.value:.4g}, measured in {best.measured}.", ""]
    if scores:
        lines += [
            "| score | value |",
            "| --- | ---: |",
            *(f"| {name} | {value:.4g} |" for name, value in scores.items()),
        ]
        lines += [
            "",
            "Measured by wgan during training in its own features; not comparable with the FID of papers.",
            "",
        ]
    return lines


def _code(checkpoint: Checkpoint, template: str) -> str:
    image, model = checkpoint.image, checkpoint.recipe.model
    shape = f"{image.channels}, {image.size}, {image.size}"
    labels = f', "labels": np.arange(16) % {image.num_classes}' if model.conditional else ""
    values = {"latent_dim": model.latent_dim, "size": image.size, "shape": shape, "labels": labels}
    return template.format(images=f"(16, {shape})", **values).rstrip()


def _inputs(models: Mapping[str, OnnxFacts]) -> list[str]:
    lines = ["| file | input | values |", "| --- | --- | --- |"]
    lines += [
        f"| `{file}` | `{name}` | {meaning} |"
        for file, facts in models.items()
        for name, meaning in facts.inputs.items()
    ]
    difference = max(facts.difference for facts in models.values())
    lines += ["", "Outputs: `rgb` uint8 (N, 3, H, W), and `images` float32 (N, C, H, W) in [-1, 1]. "]
    lines[-1] += f"Values differ from PyTorch's by {difference:.1e} at most."
    if any(PSI in facts.inputs for facts in models.values()):
        lines[-1] += f" `{PSI}` is optional; give it as `np.array(0.7, np.float32)`."
    return lines
