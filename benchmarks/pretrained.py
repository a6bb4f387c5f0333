"""Train the generators of the package, several seeds each, of which the best by score is kept with its card.

    python benchmarks/pretrained.py --data-root data                 every generator
    python benchmarks/pretrained.py --data-root data --only digits_dcgan
    python benchmarks/pages.py                                      write the table of the cards

Each seed is one complete `wgan train` process, whose best generator is scored as in `wgan evaluate`. Runs stay in
--work, so that a seed that was measured isn't trained again. A generator of the package is replaced by a better seed;
seeds on its card aren't trained again. With other settings than those of the run or the card, and with --again, all
seeds are trained. Weights are rounded to half precision, except that only the
critic's are if a pixel of an image would otherwise change by more than two gray levels.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import common
import torch
from family import IMAGES, draw_strip, is_current, scores, wgan
from pages import where

from wgan_cli.data import load_images
from wgan_cli.data.loading import license_of
from wgan_cli.errors import WganError
from wgan_cli.generator import LoadedGenerator
from wgan_cli.outputs.sampling import generator_of, open_generator
from wgan_cli.recipe import load_recipe
from wgan_cli.recipe.data_settings import PairSettings
from wgan_cli.recipe.scores import SCORES, SELECTABLE
from wgan_cli.runs import pretrained
from wgan_cli.runs.checkpoint import Checkpoint, load_checkpoint
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.runs.with_critic import load_with_critic
from wgan_cli.utils.format import Log, no_log
from wgan_cli.utils.pixels import to_uint8, to_unit_range

NAMES = (
    "digits_dcgan",
    "mnist_cdcgan_gp",
    "mnist_style",
    "mnist_cvae_gan",
    "mnist_cyclegan",
    "fashion_dcgan",
    "cifar10_dcgan",
)
SEEDS = 3
MOST_GRAY_LEVELS = 2
COMPARED = 256  # images before and after rounding
PICTURES = Path(__file__).parents[1] / "docs" / "pretrained"


def training_words(name: str, seed: int, arguments: argparse.Namespace) -> list[str]:
    """Return the command that trains a seed of a recipe, without the paths and the device of this machine."""
    return ["train", name, "--seed", str(seed), *(f"--set={setting}" for setting in arguments.settings)]


def trained(name: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return cost and scores of a recipe trained with a seed; train it if that wasn't done with its settings yet."""
    run, recipe = _run(name, seed, arguments), load_recipe(name, arguments.settings)
    file = run.with_suffix(".json")
    if file.exists() and not arguments.again:
        result = json.loads(file.read_text(encoding="utf-8"))
        if is_current(result, recipe) and ("recipe" in result or not arguments.settings):
            return result
    shutil.rmtree(run, ignore_errors=True)  # of a process that was stopped; its time would be missing
    device, root = arguments.device, arguments.data_root.resolve()
    where_to = ("--out", run, "--data-root", root, "--device", device, "--quiet")
    spent = wgan(*training_words(name, seed, arguments), *where_to)
    generator, checkpoint = open_generator(run, device)
    result = {
        **common.facts(device),
        "settings": {"device": str(device)},
        "recipe": recipe.as_dict(),
        "seed": seed,
        "seconds": common.four_digits(spent.seconds),
        "processor_seconds": common.four_digits(spent.processor_seconds),
        "steps": checkpoint.step,
        "scores": scores(run, generator, checkpoint, arguments),
    }
    result["cores_used_by_others"].append(common.cores_in_use())
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def _run(name: str, seed: int, arguments: argparse.Namespace) -> Path:
    return arguments.work / name / f"seed-{seed}"


def main_score(result: dict[str, Any]) -> str:
    """Return the name of the score that the seeds of a recipe are compared by."""
    return next(score for score in SELECTABLE if score in result["scores"])


def best(by_seed: dict[str, float], score: str) -> str:
    """Return the seed with the best value of a score."""
    return (min if SCORES[score].lower_is_better else max)(by_seed, key=lambda seed: by_seed[seed])


def add_to_package(
    name: str, kept: dict[str, Any], by_seed: dict[str, float], arguments: argparse.Namespace
) -> pretrained.Card:
    """Write the best generator of several seeds, with its critic, and its card into the package."""
    run = _run(name, kept["seed"], arguments)
    _, checkpoint = open_generator(run, torch.device("cpu"))
    critic = load_with_critic(run)[0].networks["critic"]
    shared = checkpoint.to_share()
    whole = replace(shared, networks={**shared.networks, "critic": critic})
    rounded = in_half_precision(whole, whole.networks)
    levels = gray_levels(whole, rounded, arguments.data_root)
    if levels > MOST_GRAY_LEVELS:
        rounded, levels = in_half_precision(whole, ("critic",)), 0
    card = pretrained.Card(
        command=shlex.join(["wgan", *training_words(name, kept["seed"], arguments)]),
        data=f"{checkpoint.recipe.data.title}, {RunDir(run).read_environment()['images']['count']:,} images",
        license=license_of(checkpoint.recipe.data),
        score=main_score(kept),
        by_seed=by_seed,
        scores={each: value for each, value in kept["scores"].items() if isinstance(value, float)},
        processor_minutes=round(kept["processor_seconds"] / 60, 1),
        machine=where(kept).rstrip("."),
        gray_levels=levels,
        **{name: kept["scores"].get(name) for name in ("images", "real_images", "seen")},
    )
    pretrained.FOLDER.mkdir(exist_ok=True)
    rounded.save(pretrained.pretrained_file(name))
    draw_strip(run, checkpoint, arguments.data_root.resolve(), PICTURES / f"{name}.png")
    write_card(name, card)  # last: a generator with a card is complete
    return card


def current_card(name: str, settings: Collection[str] = ()) -> pretrained.Card | None:
    """Return the card of a bundled generator if its recipe has the present settings, whatever seed and machine."""
    if not pretrained.card_file(name).exists():
        return None
    saved = load_checkpoint(pretrained.pretrained_file(name)).recipe
    wanted = load_recipe(name, settings)
    saved = saved.replaced(seed=wanted.seed, threads=wanted.threads, amp=wanted.amp, engine=wanted.engine)
    return pretrained.read_card(name) if is_current({"recipe": saved.as_dict()}, wanted) else None


def write_card(name: str, card: pretrained.Card) -> None:
    """Write the card of a bundled generator."""
    pretrained.card_file(name).write_text(json.dumps(asdict(card), indent=1) + "\n", encoding="utf-8")


def in_half_precision(checkpoint: Checkpoint, roles: Collection[str]) -> Checkpoint:
    """Return a checkpoint in which the weights of some networks are rounded to float16."""
    networks = {
        role: {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
        for role, weights in checkpoint.networks.items()
        if role in roles
    }
    return replace(checkpoint, networks={**checkpoint.networks, **networks})


def gray_levels(checkpoint: Checkpoint, rounded: Checkpoint, data_root: Path) -> int:
    """Return the largest difference between the images of weights before and after rounding, in gray levels."""
    floats = {
        role: {name: tensor.to(checkpoint.networks[role][name].dtype) for name, tensor in weights.items()}
        for role, weights in rounded.networks.items()
    }
    before, after = (_images(each, data_root) for each in (checkpoint, replace(rounded, networks=floats)))
    return int((before.int() - after.int()).abs().max())


def _images(checkpoint: Checkpoint, data_root: Path) -> torch.Tensor:
    generator = LoadedGenerator(generator_of(checkpoint, "the checkpoint", torch.device("cpu")), checkpoint)
    data = checkpoint.recipe.data
    if not isinstance(data, PairSettings):
        return to_uint8(generator.sample(COMPARED))
    translated = []
    for side, other in (("a", "b"), ("b", "a")):
        pixels = load_images(getattr(data, side), data_root, no_log).images[:COMPARED]
        translated.append(generator.translate(to_unit_range(pixels), to=other))
    return to_uint8(torch.cat(translated))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="RECIPE", help=", ".join(NAMES))
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="for all")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"generated for each evaluation (default {IMAGES})")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"per generator (default {SEEDS})")
    parser.add_argument("--work", type=Path, default=Path("runs/pretrained"), help="folder of the runs")
    parser.add_argument("--again", action="store_true", help="also seeds that were trained")
    arguments = common.parse(parser, "pretrained")
    if arguments.quick:
        raise WganError("--quick would put a poor generator into the package", "choose few with --only and --seeds 1")
    return arguments


def update(name: str, arguments: argparse.Namespace, say: Log) -> None:
    """Train the seeds that a generator's card lacks, and put the best of all into the package."""
    known = None if arguments.again else current_card(name, arguments.settings)
    by_seed, results = dict(known.by_seed) if known else {}, {}
    for seed in range(arguments.seeds):
        if str(seed) not in by_seed:
            results[str(seed)] = result = trained(name, seed, arguments)
            score, minutes = main_score(result), result["processor_seconds"] / 60
            say(f"{name}, seed {seed}: {score} {result['scores'][score]:.3g}, {minutes:.1f} min of processor time")
    if not results:
        return
    by_seed |= {seed: result["scores"][main_score(result)] for seed, result in results.items()}
    kept = best(by_seed, main_score(next(iter(results.values()))))
    if known and kept not in results:
        write_card(name, replace(known, by_seed=by_seed))
        say(f"{name}: the package keeps seed {kept}")
    else:
        card = add_to_package(name, results[kept], by_seed, arguments)
        size = pretrained.pretrained_file(name).stat().st_size
        say(f"{name}: {card.score} {card.value:.3g}, {size / 1e6:.2f} MB, {card.gray_levels} gray levels")


def main() -> None:
    arguments, console = parse_arguments(), common.make_console()
    for name in arguments.only:
        update(name, arguments, console.print)


if __name__ == "__main__":
    common.run(main)
