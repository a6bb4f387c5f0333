"""Train on few images from random weights, from those of a generator of other images, and with a frozen critic.

    python benchmarks/finetuning.py --data-root data       200 of CIFAR-10's horses, about 20 minutes on one thread
    python benchmarks/pages.py                             write the table from the results

All runs have the same recipe, images and number of steps. Scores compare with as many horses of the test images as are
generated, in the features of the classifier that `wgan evaluate` trains on all classes of CIFAR-10.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import common
import torch
from family import train, wgan
from torch import Tensor

from wgan_cli.data import load_images
from wgan_cli.evaluation.evaluate import BATCH
from wgan_cli.evaluation.features import Features, make_features
from wgan_cli.evaluation.frechet import frechet_distance, moments
from wgan_cli.evaluation.real_images import Selection, real_images
from wgan_cli.outputs.sampling import generate, images_at_once, open_generator, sample_latents
from wgan_cli.recipe.data_settings import DataSettings

RECIPE, CLASS, IMAGES = "cifar10_dcgan", "horse", 200
#: Settings of all runs: the first images of a class, in both directions, augmented as few images are in folder recipes.
COMMON = (f"data.classes=[{CLASS}]", f"data.limit={IMAGES}", "data.diff_augment=auto", "data.augment.mirror=true")
STARTS: dict[str, tuple[str, ...]] = {
    "random weights": (),
    f"--init-from {RECIPE}": ("--init-from", RECIPE),
    f"--init-from {RECIPE} --freeze 2": ("--init-from", RECIPE, "--freeze", "2"),
}
PICTURES = Path(__file__).parents[1] / "docs" / "own_images"
COUNT = 1000  # images of each side of a comparison


class Horses:
    """Features of the images of one class that no run is trained on.

    real: scores of other training images of the class, which the classifier has learned; recognized_test: the share of
    test images that it recognizes.
    """

    def __init__(self, data_root: Path, device: torch.device) -> None:
        self.device, log = device, common.make_console().print
        everything = DataSettings.model_validate({"source": "cifar10"})
        real = real_images(everything, data_root, log, load_images(everything, data_root, log))
        self.features: Features = make_features(real, everything.source, data_root, device, log)
        self.number = real.test.dataset.class_names.index(CLASS)
        test = of_class(real.test, self.number)[:COUNT]
        others = of_class(real.labeled, self.number)[IMAGES : IMAGES + COUNT]
        found, logits = self.features.of(test.split(BATCH))
        self.moments = moments(found)
        self.real = {**self.scores(others), "recognized_test": self.recognized(logits)}

    def scores(self, images: Tensor) -> dict[str, float]:
        """Return the FD of images (N, C, H, W) uint8, and the share that the classifier takes for the class."""
        found, logits = self.features.of(images.split(BATCH))
        fd = frechet_distance(self.moments, moments(found))
        return {"fd": common.four_digits(fd), "recognized": self.recognized(logits)}

    def recognized(self, logits: Tensor | None) -> float:
        """Return the share of logits (N, K) that stand for the class."""
        assert logits is not None
        return common.four_digits((logits.argmax(1) == self.number).double().mean().item())


def of_class(part: Selection, number: int) -> Tensor:
    """Return the images of one class: (N, C, H, W) uint8."""
    return part.dataset.images.index_select(0, part.indices[part.labels == number])


def measure(words: tuple[str, ...], picture: Path, horses: Horses, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a run, score its generator and draw some of its images."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        spent = train(RECIPE, run, arguments, "--steps", arguments.steps, *words)
        generator, checkpoint = open_generator(run, arguments.device)
        z = sample_latents(checkpoint.recipe.model.latent_dim, COUNT, 0)
        images = torch.cat(list(generate(generator, z, images_at_once(checkpoint.image))))
        wgan("sample", "--ckpt", run, "-n", 20, "--rows", 2, "--scale", 2, "--out", picture, "--force")
    return {
        "seconds": common.four_digits(spent.seconds),
        "processor_seconds": common.four_digits(spent.processor_seconds),
        "picture": picture.name,
        **horses.scores(images),
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--steps", type=int, default=1500, help="of each run (default 1500)")
    arguments = common.parse(parser, "finetuning")
    arguments.settings = list(COMMON)
    if arguments.quick:
        arguments.steps = 20
    arguments.pictures = PICTURES if arguments.out.parent == common.RESULTS else arguments.out.parent / "own_images"
    return arguments


def main() -> None:
    arguments, console = parse_arguments(), common.make_console()
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    horses = Horses(arguments.data_root, arguments.device)
    settings = {"device": str(arguments.device), "recipe": RECIPE, "images": IMAGES, "steps": arguments.steps}
    result: dict[str, Any] = {**common.facts(arguments.device), "settings": settings, "real": horses.real, "runs": {}}
    for number, (start, words) in enumerate(STARTS.items()):
        picture = arguments.pictures / f"finetuning-{number}.png"
        result["runs"][start] = found = measure(words, picture, horses, arguments)
        console.print(f"{start}: {json.dumps(found)}")
    common.finish(result, arguments.out, console)


if __name__ == "__main__":
    common.run(main)
