"""Model folder to publish: weights, ONNX models, config, model card and a sample grid."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from jinja2 import Environment, StrictUndefined

from wgan_cli import __version__
from wgan_cli.data.loading import license_of
from wgan_cli.errors import one_line
from wgan_cli.exports.onnx_model import OPSET, PSI, OnnxFacts, export_onnx
from wgan_cli.outputs.sampling import cycled_labels, generate, generator_of, images_at_once, sample_latents
from wgan_cli.outputs.save_images import save_images
from wgan_cli.recipe.data_settings import PairSettings
from wgan_cli.recipe.scores import LOGGED
from wgan_cli.recipe.yaml import dump_yaml
from wgan_cli.runs.checkpoint import Checkpoint, generator_file
from wgan_cli.runs.metrics_log import read_metrics
from wgan_cli.runs.run_dir import EXPORTED_CONFIG, EXPORTED_CRITIC, EXPORTED_TENSORS, PUSHED_RECIPE, RunDir, run_around
from wgan_cli.utils.files import UNFINISHED, make_parent, write_text, writing
from wgan_cli.utils.pixels import default_preview, preview

CARD, GRID = "README.md", "samples.png"
MAX_GRID = 64  # images


def export_folder(
    checkpoint: Checkpoint,
    source: Path,
    path: Path,
    critic: Checkpoint | None = None,
    repository: str | None = None,
) -> dict[str, OnnxFacts]:
    """Write a model folder: a new one completely, or not at all if an error occurs.

    In an existing folder, files are replaced one by one, config.json as the last; other files stay.

    It holds model.safetensors, model.onnx (or to_a.onnx and to_b.onnx), config.json, README.md and samples.png, and
    critic.safetensors if there is a critic. For a repository of the Hub, there is a recipe.yaml and no ONNX.

    Args:
        source: path that the checkpoint was read from; inside a run folder, the run's scores and grids are included.
        critic: from `critic_to_share`; an earlier critic in the folder is removed if it is None.
        repository: name of the repository that the folder is for, hf:OWNER/NAME.
    Returns: facts of each ONNX file by name.
    Raises: WganError if the folder can't be written.
    """
    make_parent(path)
    beside = path if path.is_dir() else path.parent  # a mount point is another disk than its parent
    temporary = beside / f".{path.name}.{os.getpid()}{UNFINISHED}"
    try:
        with writing(path):
            temporary.mkdir()
        checkpoint.save(temporary / EXPORTED_TENSORS)
        if critic is not None:
            critic.save(temporary / EXPORTED_CRITIC)
        domains = {f"to_{to}.onnx": to for to in "ab"} if checkpoint.recipe.translates else {"model.onnx": "b"}
        if repository is not None:
            domains = {}
            recipe = f"# wgan train --recipe {PUSHED_RECIPE}\n{dump_yaml(checkpoint.recipe.as_dict())}"
            write_text(temporary / PUSHED_RECIPE, recipe)
        models = {name: export_onnx(checkpoint, temporary / name, to) for name, to in domains.items()}
        run = run_around(generator_file(source))
        grid = _write_grid(checkpoint, run, temporary / GRID)
        scores = _scores(checkpoint, run)
        rgb, images = f"uint8 (N, 3, H, W){_reduction(models)}", "float32 (N, C, H, W) in [-1, 1]"
        config = {
            **checkpoint.facts,
            "weights": EXPORTED_TENSORS,
            "critic": None if critic is None else {"weights": EXPORTED_CRITIC, "step": critic.step},
            "scores": scores,
        }
        if models:
            config |= {"opset": OPSET, "onnx": {name: asdict(facts) for name, facts in models.items()}}
            config["outputs"] = {"rgb": rgb, "images": images}
        write_text(temporary / EXPORTED_CONFIG, json.dumps(config, indent=2) + "\n")
        write_text(temporary / CARD, model_card(checkpoint, models, scores, grid, critic, repository))
        with writing(path):
            if not os.path.lexists(path):
                os.replace(temporary, path)
            else:
                (path / EXPORTED_CRITIC).unlink(missing_ok=True)  # of another generator
                for file in sorted(temporary.iterdir(), key=lambda file: file.name == EXPORTED_CONFIG):
                    os.replace(file, path / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return models


def model_card(
    checkpoint: Checkpoint,
    models: Mapping[str, OnnxFacts],
    scores: Mapping[str, float],
    grid: str | None,
    critic: Checkpoint | None = None,
    repository: str | None = None,
) -> str:
    """Return the README.md of an exported generator, with front matter for the Hugging Face Hub.

    Args:
        models: facts of each ONNX file by name. scores: logged at the checkpoint's step. grid: file name, if any.
        repository: name of the repository that the card is for; None for a folder.
    """
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    template = environment.from_string(Path(__file__).with_name("model_card.md.j2").read_text(encoding="utf-8"))
    recipe, image = checkpoint.recipe, checkpoint.image
    shown = recipe.data.b if isinstance(recipe.data, PairSettings) else recipe.data
    bands = shown.preview_channels or default_preview(image.channels)
    card = template.render(
        recipe=recipe,
        image=image,
        shape=f"{image.channels}, {image.height}, {image.width}",
        source=one_line(checkpoint.source),
        version=__version__,
        grid=grid,
        # Folder names may contain Markdown, so they are listed as code.
        class_names=[f"`{one_line(name).replace('`', '')}`" for name in checkpoint.class_names],
        license=license_of(recipe.data),
        best=checkpoint.score,
        scores=scores,
        opset=OPSET,
        models=models,
        critic=critic,
        repository=repository,
        bands=f"[:, {[band - 1 for band in bands]}]  # bands to show" if bands else "",
        psi=PSI,
        reduction=_reduction(models),
        recipe_yaml=dump_yaml(recipe.as_dict()).rstrip(),
    )
    return card + "\n"


def _reduction(models: Mapping[str, OnnxFacts]) -> str:
    names = dict.fromkeys(facts.background for facts in models.values() if facts.background)
    bands = dict.fromkeys(facts.bands for facts in models.values() if facts.bands)
    background = f" with transparent images on {' or '.join(names)}" if names else ""
    return background + (f" of the bands {' or '.join(bands)}" if bands else "")


def _scores(checkpoint: Checkpoint, run: RunDir | None) -> dict[str, float]:
    """Return the scores that the run logged at the checkpoint's step."""
    records = [] if run is None or not run.metrics_file.is_file() else read_metrics(run.metrics_file)
    found = next((record for record in records if record.get("step") == checkpoint.step), {})
    return {name: found[name] for name in LOGGED if name in found}


def _write_grid(checkpoint: Checkpoint, run: RunDir | None, path: Path) -> str | None:
    """Write samples of seed 0, or copy the last grid of a translation run; return the file name, or None."""
    if checkpoint.recipe.translates:
        grids = [] if run is None else run.sample_files()
        if not grids:
            return None
        shutil.copyfile(grids[-1], path)
        return path.name
    columns = checkpoint.image.num_classes if checkpoint.recipe.model.conditional else None
    columns = columns if columns and columns <= MAX_GRID else 8
    count = columns * (MAX_GRID // columns)
    labels = cycled_labels(checkpoint.recipe, checkpoint.image, count)
    generator = generator_of(checkpoint, str(path), torch.device("cpu"))
    z, batch = sample_latents(checkpoint.recipe.model.latent_dim, count, seed=0), images_at_once(checkpoint.image)
    images = generate(generator, z, batch, labels)
    shown = (preview(part, checkpoint.recipe.data.preview_channels) for part in images)
    save_images(shown, count, str(path), columns=columns)
    return path.name
