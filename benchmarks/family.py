"""Train every recipe of the family, and score and draw the results.

    python benchmarks/family.py --data-root data                 about nine hours on two cores, six for tutorials
    python benchmarks/family.py --data-root data --only mnist_gan mnist_hinge
    python benchmarks/pages.py                                  write tables from the results

Each recipe is one complete `wgan train` process, timed by wall clock. The EMA generator is scored as in `wgan
evaluate`, and a strip of its images is drawn into docs/family/: samples, reconstructions next to originals, or
translations in both directions. Results are written one by one; a recipe whose settings haven't changed is not trained
again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import common
import torch
from PIL import Image
from torch import nn

from wgan_cli.data import load_images
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import Reference, make_reference
from wgan_cli.evaluation.reconstruction import measure_reconstruction
from wgan_cli.evaluation.translation import make_translation_reference
from wgan_cli.outputs.reconstruct import has_encoder, open_autoencoder
from wgan_cli.outputs.sampling import open_generator
from wgan_cli.recipe import Recipe, load_recipe, recipe_from_dict
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.scores import SELECTABLE
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.run_dir import RunDir

PICTURES = Path(__file__).parents[1] / "docs" / "family"
#: The usual pair on each set of images, with the paper that the recipe as a whole is after.
PAIRS = {
    "digits_dcgan": "Gulrajani et al. 2017",
    "fashion_dcgan": "Gulrajani et al. 2017",
    "cifar10_dcgan": "Gulrajani et al. 2017",
}
#: Every objective on MNIST, in the table's order.
MEMBERS = {
    "mnist_gan": "Goodfellow et al. 2014",
    "mnist_gan_conv": "Radford et al. 2016",
    "mnist_wgan": "Arjovsky et al. 2017",
    "mnist_wgan_conv": "Arjovsky et al. 2017",
    "mnist_mlp": "Gulrajani et al. 2017",
    "mnist_dcgan": "Gulrajani et al. 2017",
    "mnist_cgan": "Mirza and Osindero 2014",
    "mnist_cdcgan_gp": "Miyato and Koyama 2018",
    "mnist_lsgan": "Mao et al. 2017",
    "mnist_hinge": "Miyato et al. 2018",
    "mnist_r1": "Mescheder et al. 2018",
    "mnist_r3gan": "Huang et al. 2024",
}
#: The same of generators with styles, of encoders, and of translators.
SYSTEMS = {
    "mnist_style": "Karras et al. 2019 and 2020",
    "fashion_style": "Karras et al. 2019 and 2020",
    "mnist_cvae_gan": "Bao et al. 2017",
    "mnist_cyclegan": "Zhu et al. 2017",
    "fashion_cyclegan": "Zhu et al. 2017",
    "cifar10_style": "Karras et al. 2019 and 2020",
    "cifar10_cyclegan": "Zhu et al. 2017",
}
#: The networks of well-known tutorials with their own settings.
TUTORIALS = {
    "tutorial_mlp_gan": "Goodfellow et al. 2014",
    "tutorial_mlp_wgan": "Arjovsky et al. 2017",
    "tutorial_mlp_wgan_gp": "Gulrajani et al. 2017",
    "tutorial_conv_wgan_gp": "Gulrajani et al. 2017",
    "tutorial_pool_gan": "Radford et al. 2016",
    "tutorial_pool_wgan": "Arjovsky et al. 2017",
    "tutorial_pool_wgan_gp": "Gulrajani et al. 2017",
    "tutorial_dcgan": "Radford et al. 2016",
    "tutorial_cgan": "Mirza and Osindero 2014",
    "tutorial_cvae_gan": "Bao et al. 2017",
}
EVERY = {**PAIRS, **MEMBERS, **SYSTEMS, **TUTORIALS}
#: A process too small to be seen starts the command: one that starts it from here counts this one's memory as its own.
WATCH = """
import os, sys
_, status, used = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(end=f"\\n{used.ru_maxrss} {used.ru_utime + used.ru_stime}")
sys.exit(os.waitstatus_to_exitcode(status))
"""
IMAGES = 10_000
IN_A_STRIP = 10
SCALE = 2
PADDING = 2  # pixels between the images of a grid
STEPS_FOR_MEMORY = 60  # take as much as thousands: within 1% of mnist_style's 5,000 and mnist_cyclegan's 2,000
UNWATCHED = ("--quiet", "--set=eval_every=null")  # what measures while it trains has no place on the stopwatch


@dataclass(frozen=True)
class Spent:
    """Cost of a process. memory: peak, in bytes. processor_seconds: of all its threads."""

    seconds: float
    memory: int
    processor_seconds: float


def wgan(*words: object) -> Spent:
    """Run a command of the program. Raises: WganError with its output if it fails."""
    command = [sys.executable, "-m", "wgan_cli", *map(str, words)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-S", "-c", WATCH, *command], capture_output=True, text=True, encoding="utf-8", check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise WganError(f"wgan {words[0]} failed: {done.stderr.strip()[-500:]}", f"try it: {' '.join(command)}")
    largest, processor_seconds = done.stdout.rpartition("\n")[2].split()
    return Spent(seconds, int(largest) * (1 if sys.platform == "darwin" else 1024), float(processor_seconds))


@cache
def reference_for(data: DataSettings, data_root: Path, device: torch.device, images: int) -> Reference:
    """Return the cached reference of a dataset for scoring generators."""
    quiet = common.make_console().print
    return make_reference(data, data_root, device, quiet, count=images, dataset=load_images(data, data_root, quiet))


def train(name: str, run: Path, arguments: argparse.Namespace, *more: object) -> Spent:
    """Train a recipe in its own process."""
    where = ("--out", run, "--data-root", arguments.data_root.resolve(), "--device", arguments.device)
    settings = (f"--set={setting}" for setting in arguments.settings)
    return wgan("train", "--recipe", name, *where, *UNWATCHED, *settings, *more)


def memory_of(name: str, arguments: argparse.Namespace) -> int:
    """Return the peak memory of a recipe's training in bytes, from a short run."""
    with tempfile.TemporaryDirectory() as folder:
        return train(name, Path(folder, name), arguments, "--steps", STEPS_FOR_MEMORY).memory


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a recipe, score its generator and draw its strip."""
    device = arguments.device
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, name)
        spent = train(name, run, arguments)
        generator, checkpoint = open_generator(run / "G.pth", device)
        recipe = checkpoint.recipe
        draw_strip(run, checkpoint, arguments.data_root.resolve(), arguments.pictures / f"{name}.png")
        measured = scores(run, generator, checkpoint, arguments)
        training_images = RunDir(run).read_environment()["images"]["count"]
    return {
        **common.facts(device),
        "settings": {"device": str(device)},
        "recipe": load_recipe(name, arguments.settings).as_dict(),
        "paper": EVERY.get(name, recipe.objective.paper),
        "seconds": common.four_digits(spent.seconds),
        "memory": spent.memory,
        "steps": checkpoint.step,
        "training_images": training_images,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        **measured,
    }


def scores(run: Path, generator: nn.Module, checkpoint: Checkpoint, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of `wgan evaluate` that apply to the networks of a run."""
    recipe, device, data_root = checkpoint.recipe, arguments.device, arguments.data_root
    if recipe.translates:
        quiet = common.make_console().print
        reference = make_translation_reference(recipe.data, data_root, device, quiet, arguments.images)
        found = reference.evaluate(generator, recipe, checkpoint.step)
        both = {**found.record(), "identity_l1": found.mean("identity_l1")}
        return {name: common.four_digits(value) for name, value in both.items() if value is not None}
    reference = reference_for(recipe.data, data_root, device, arguments.images)
    measured = common.figures(generator, recipe, checkpoint.step, reference)
    if has_encoder(checkpoint):
        networks, _ = open_autoencoder(run, device)
        copied = measure_reconstruction(networks, reference.real, reference.features)
        measured |= {"copy_error": common.four_digits(copied.error), "copies_kept": common.four_digits(copied.kept)}
    return measured


def draw_strip(run: Path, checkpoint: Checkpoint, data_root: Path, path: Path) -> None:
    """Draw a row of images, enlarged by whole pixels, one per class if there are classes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    strip = ("--rows", 1, "--out", path, "--force")  # replaces the picture of the last measurement
    if checkpoint.recipe.translates:
        _draw_translations(RunDir(run).sample_files()[-1], checkpoint.image.height, path)
    elif has_encoder(checkpoint):
        which = ("--reconstruct", IN_A_STRIP // 2, "--data-root", data_root)
        wgan("sample", "--ckpt", run / "G.pth", *which, *strip)
    else:
        wgan("sample", "--ckpt", run / "G.pth", "-n", IN_A_STRIP, *strip)
    with Image.open(path) as picture:
        width, height = picture.size
        picture.resize((SCALE * width, SCALE * height), Image.Resampling.NEAREST).save(path, optimize=True)


def _draw_translations(grid: Path, size: int, path: Path) -> None:
    """Draw the first two rows of a translation grid: image, translation and reconstruction per direction."""
    high = size + PADDING
    with Image.open(grid) as picture:
        wide = picture.width - PADDING
        strip = Image.new(picture.mode, (2 * wide + PADDING, high + PADDING))
        for number in range(2):
            row = picture.crop((0, number * high, picture.width, (number + 1) * high + PADDING))
            strip.paste(row, (number * wide, 0))
    strip.save(path)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--only", nargs="+", metavar="RECIPE", default=EVERY, help="of: " + ", ".join(EVERY))
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="for all")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"generated for each evaluation (default {IMAGES})")
    parser.add_argument("--again", action="store_true", help="also recipes that have a result")
    arguments = common.parse(parser, "family")
    if arguments.quick:
        arguments.settings += ["steps=20"]
        arguments.images = 500
    arguments.pictures = PICTURES if arguments.out.parent == common.RESULTS else arguments.out.parent / "family"
    return arguments


def is_current(result: dict[str, Any], recipe: Recipe) -> bool:
    """Return True if a result has a recipe's present settings, apart from the decoding of unusual files.

    Earlier results have no recipe, and count as current.
    """
    if "recipe" not in result:
        return True
    try:
        saved = recipe_from_dict(result["recipe"], "a result")
    except WganError:
        return False
    return recipe.replaced(data=recipe.data.decoding_like(saved.data)).as_dict() == saved.as_dict()


def _place(name: str) -> int:
    return [*EVERY, name].index(name)


def main() -> None:
    arguments, console = parse_arguments(), common.make_console()
    found = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    for name in arguments.only:
        wanted = load_recipe(name, arguments.settings)
        if not arguments.again and name in found and is_current(found[name], wanted):
            if "memory" in found[name]:
                continue
            result = {**found[name], "memory": memory_of(name, arguments)}
        else:
            result = measure(name, arguments)
            result["cores_used_by_others"].append(common.cores_in_use())
        found[name] = result
        found = {each: found[each] for each in sorted(found, key=_place)}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        score = next(score for score in SELECTABLE if score in result)
        spent = f"{result['seconds'] / 60:.1f} min, {result['memory'] / 1e9:.2f} GB"
        console.print(f"{name}: {spent}, {result['steps']:,} steps, {score} {result[score]:.3g}")


if __name__ == "__main__":
    common.run(main)
