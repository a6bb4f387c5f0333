"""Write the results of the benchmarks into README.md, docs/ and the data of `wgan recipes`, between marks.

    python benchmarks/pages.py

Results of another device, such as results/train_speed-cuda.json, get their own table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import common
import distributed_page
import gpu_page
import scaling
import tutorial_settings as tutorials
from common import FORMATS
from family import EVERY, MEMBERS, SYSTEMS, TUTORIALS, is_current
from markdown_text import (
    about_tf32,
    earlier_networks,
    fewer_real,
    has_fewer_real,
    paragraph,
    reduced_sets,
    table,
    times,
    where,
    where_each,
)
from time_to_quality_page import by_budget, distance, spent
from train_speed import recipes

from wgan_cli.cli.render.recipe_benchmarks import FILE as MEASURED
from wgan_cli.errors import WganError
from wgan_cli.recipe import load_recipe, recipe_header
from wgan_cli.runs.pretrained import Card, pretrained_file, pretrained_names, read_card

ROOT = Path(__file__).parents[1]
#: The page of each part.
PAGES = {
    "chosen": ROOT / "README.md",
    "quality": ROOT / "docs" / "evaluation.md",
    "family": ROOT / "docs" / "recipes.md",
    "systems": ROOT / "docs" / "recipes.md",
    "tutorials": ROOT / "docs" / "recipes.md",
    "tutorial_settings": ROOT / "docs" / "recipes.md",
    "speed": ROOT / "docs" / "performance.md",
    "pretrained": ROOT / "docs" / "pictures.md",
    "finetuning": ROOT / "docs" / "own_images.md",
    "gpu": ROOT / "docs" / "performance.md",
}
#: The marks around a part.
MARKS = {name: (f"<!-- {name}: written by benchmarks/pages.py -->", f"<!-- end of {name} -->") for name in PAGES}
#: Recipes in the README, one per use.
CHOSEN = (
    "digits_dcgan",
    "mnist_dcgan",
    "fashion_dcgan",
    "cifar10_dcgan",
    "mnist_cdcgan_gp",
    "mnist_style",
    "mnist_cvae_gan",
    "mnist_cyclegan",
)
MOST_GROUPS = 3  # of an anatomy, in a table's row
PROMPT_SECONDS, HARDLY_SLOWER = 10, 1.4  # a slower change of threads is explained, if it hardly mattered


def train_speed(result: dict[str, Any]) -> str:
    rows, wanted = [], recipes()
    for case in result["cases"]:
        if case["case"] not in wanted or not is_current(case, wanted[case["case"]]):
            continue
        for ratio in case["ratios"]:
            ours, theirs = ratio["ours"], ratio["theirs"]
            formats = list(dict.fromkeys(FORMATS[side.split()[1]] for side in (theirs, ours)))
            before, now = (case["sides"][side]["critic_iterations_per_second"]["median"] for side in (theirs, ours))
            spread = f"{ratio['min']:.2f} to {ratio['max']:.2f}"
            faster = f"**{ratio['median']:.2f}** ({spread})"
            beside = theirs.split()[0]
            rows.append((case["case"], beside, ", then ".join(formats), f"{before:,.0f}", f"{now:,.0f}", faster))
    batch, rounds = result["cases"][0]["batch_size"], result["settings"]["rounds"]
    told = (
        f"Critic iterations per second at batch {batch}, generator steps included; median and range of {rounds} rounds"
    )
    on_gpu = result["settings"]["device"].startswith("cuda")
    tf32 = about_tf32(result["settings"].get("same_tf32", not on_gpu))
    headings = "recipe, baseline, precision, baseline/s, wgan/s, speedup"
    label = result["settings"].get("label")
    above = f"{label}:\n\n" if label else ""
    changed = earlier_networks(result, (case["case"] for case in result["cases"]))
    below = f"{told} in turns on {where(result)}{tf32} {changed}"
    return above + table(headings, rows, words=3) + "\n\n" + paragraph(below)


def step_anatomy(result: dict[str, Any]) -> str:
    rows = []
    for case in result["cases"]:
        groups = [f"{group['name']} {group['share']:.0%}" for group in case["groups"][:MOST_GROUPS]]
        rate, milliseconds = case["flop_per_second"] / 1e9, 1e3 * case["seconds_per_step"]["median"]
        busy = "" if case["busy_share"] is None else f"{case['busy_share']:.0%}"
        cells = (f"{milliseconds:,.2f}", f"{rate:,.0f}", f"{case['share_of_peak']:.0%}", busy)
        name = case.get("case", case["recipe"])  # earlier results have no cases
        rows.append((name, FORMATS[case["amp"]], ", ".join(groups), str(case["batch_size"]), *cells))
    headings = "recipe, precision, most of the time, batch, ms/step, GFLOP/s, of the peak, GPU busy"
    if all(case["busy_share"] is None for case in result["cases"]):
        headings, rows = headings.removesuffix(", GPU busy"), [row[:-1] for row in rows]
    compared = [case.get("times_textbook") or {} for case in result["cases"]]  # earlier results have none
    if any(compared):
        headings += ", speedup, at most"
        rows = [(*row, *_speedups(ratios)) for row, ratios in zip(rows, compared, strict=True)]
    peaks = [f"{rates['flop_per_second'] / 1e9:,.0f} in {FORMATS[amp]}" for amp, rates in result["roofline"].items()]
    told = f"The peak, in GFLOP/s, is the best rate of large matrix products in the same run: {' and '.join(peaks)}."
    if any(compared):
        told += (
            " The speedup is over the textbook loop in float32, in turns; at most: the step's matrix products and "
            "convolutions alone, as if nothing lay between them."
        )
    return table(headings, rows, words=3) + "\n\n" + paragraph(f"{told} On {where(result)}")


def _speedups(ratios: dict[str, Any]) -> tuple[str, str]:
    """Return how many times faster than the textbook loop a step is, and would be if it were its products alone."""
    return (f"{ratios['step']['median']:.2f}", f"{ratios['products']['median']:.2f}") if ratios else ("", "")


def startup(result: dict[str, Any]) -> str:
    rows = []
    for row in result["commands"]:
        ours = row.get("ours")
        beyond = (_beyond(ours), ours["beyond"]) if ours else ("", "")
        rows.append((row["command"], times(row["seconds"]), *beyond))
    told = f"Seconds from prompt to prompt; median and range of {result['settings']['rounds']} rounds on"
    return table("command, seconds, ours, beyond", rows) + "\n\n" + paragraph(f"{told} {where(result)}")


def _beyond(ours: dict[str, Any]) -> str:
    """Return our share of a command's seconds with its range; no median if it isn't above 0 in every round."""
    return times(ours) if ours["min"] > 0 else f"not measurable ({ours['min']:.2f} to {ours['max']:.2f})"


def scaling_cost(result: dict[str, Any]) -> str:
    plot = result.get("plot")
    words = "Time and memory of a step against batch size, image size and width"
    picture = f"![{words}]({Path(plot).name})\n\n" if plot else ""  # beside the page
    lines = (paragraph(f"- {scaling.in_words(line)}", indent="  ") for line in result["lines"])
    return picture + "\n".join(lines) + "\n\n" + paragraph(f"On {where(result)}")


def feeds(result: dict[str, Any]) -> str:
    settings, columns = result["settings"], ("images_per_second", "times loader, 2 workers", "times loader, 0 workers")
    rows = []
    for name, row in result["feeds"].items():
        rate, *ratios = (row[column] for column in columns)
        rows.append((name, times(rate, ",.0f"), *(times(ratio, ",.1f") for ratio in ratios)))
    told = (
        "`resident` and `streamed`, ours, read a cache of decoded images, made once in "
        f"{result['pack_seconds']:.0f} s; DataLoader decodes every image every time. {settings['images']:,} JPEG files "
        f"in batches of {settings['batch_size']}, {settings['rounds']} rounds on"
    )
    headings = "loader, images/s, relative to 2 workers, relative to 0 workers"
    return table(headings, rows) + "\n\n" + paragraph(f"{told} {where(result)}")


def busy_machine(result: dict[str, Any]) -> str:
    rows = []
    for phase in result["phases"]:
        fixed = ", ".join(f"{threads}: {ms:,.3g}" for threads, ms in phase["milliseconds"].items())
        ratios = (f"{phase['ratio_fixed']:.2f}", f"**{phase['ratio']:.2f}**", f"{phase['recovery_seconds']:.0f}")
        rows.append((phase["load"], fixed, *ratios))
    recipe, batch = result["settings"]["recipe"], result["settings"]["batch_size"]
    told = (
        f"{recipe} at batch {batch} next to other processes, in the order of the rows. Step times are relative to the "
        "best fixed number of threads next to the same processes: with the number that is best on an idle machine, and "
        "with the one that training chooses, from ten seconds after the change. The last column is the time until a "
        "step takes at most 1.3 times as long as with the best number."
    )
    late = (
        f"Next to {phase['load']}, adapting took {phase['recovery_seconds']:.0f} s, but steps with the number for an "
        f"idle machine took only {phase['ratio_fixed']:.2f} times as long as the fastest."
        for phase in result["phases"]
        if phase["recovery_seconds"] > PROMPT_SECONDS and phase["ratio_fixed"] < HARDLY_SLOWER
    )
    below = " ".join([told, *late, f"On {where(result)}"])
    headings = "next to, ms/step by threads, fixed, adapting, seconds to adapt"
    return table(headings.split(", "), rows, words=2) + "\n\n" + paragraph(below)


#: Heading and formatter of each benchmark.
SECTIONS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "train_speed": ("Training speed", train_speed),
    "step_anatomy": ("Breakdown of a step", step_anatomy),
    "scaling": ("Cost of a step", scaling_cost),
    "busy_machine": ("Next to other programs", busy_machine),
    "startup": ("Start-up time", startup),
    "feeds": ("Loaders", feeds),
}


def section(folder: Path) -> str:
    """Return all results in a folder as Markdown, without headings for missing ones."""
    parts = []
    for name, (heading, text) in SECTIONS.items():
        files = [folder / f"{name}.json", *sorted(folder.glob(f"{name}-*.json"))]
        texts = [text(json.loads(file.read_text(encoding="utf-8"))) for file in files if file.exists()]
        parts += [f"## {heading}", *texts] if texts else []
    return "\n\n".join(parts)


def chosen(file: Path) -> str:
    """Return the README's recipe table from the results of family.py, or ""."""
    found = _results(file, CHOSEN)
    if not found:
        return ""
    rows = []
    for name, result in found.items():
        picture = f"![images of {name}](docs/family/{name}.png)"
        rows.append((f"`{name}`", recipe_header(name)[1], f"{result['seconds'] / 60:.1f}", _scores(result), picture))
    told = (
        "Minutes are wall time of the whole `wgan train` without evaluation. FD is the Frechet distance in the "
        "features of a classifier, as in `wgan evaluate`, next to that of held-out real images; FDs of different "
        "datasets are not comparable."
    )
    headings = "recipe, description, minutes, scores, images"
    return table(headings, rows, words=2) + "\n\n" + _caption(told, found)


def family(file: Path) -> str:
    """Return the table of two-network recipes from the results of family.py, or ""."""
    found = _results(file, MEMBERS)
    if not found:
        return ""
    rows = []
    for name, result in found.items():
        recipe, classes = result["recipe"], f"{result['class_entropy']:.3f}"
        if "agreement" in result:
            classes = f"{result['agreement']:.1%} as requested"
        model = recipe["model"]["name"] + (", classes" if recipe["model"]["conditional"] else "")
        memory = f"{result['memory'] / 1e9:.2f}" if "memory" in result else ""
        numbers = (f"{result['seconds'] / 60:.1f}", memory, f"{result['fd']:.3g}", classes)
        picture = f"![samples of {name}](family/{name}.png)"
        rows.append((f"`{name}`", result["paper"], recipe["objective"]["name"], model, *numbers, picture))
    first = next(iter(found.values()))
    told = (
        "Minutes are wall time of the whole `wgan train` without evaluation; memory is in GB. FD is the Frechet "
        f"distance in the features of `wgan evaluate`, of {first['images']:,} samples; that of as many held-out real "
        f"images is {first['real_baseline']:.3g}. Class entropy is 1 if all classes are equally frequent; conditional "
        "recipes show how often a classifier recognizes the requested class instead."
    )
    headings = "recipe, paper, objective, networks, minutes, memory, FD, class entropy, samples"
    return table(headings, rows, words=4) + "\n\n" + _caption(told, found)


def _caption(told: str, found: dict[str, dict[str, Any]]) -> str:
    """Return what is said below a table of recipes: about its columns, unusual numbers of images, and machines."""
    return paragraph(" ".join(filter(None, [told, reduced_sets(found), fewer_real(found), f"On {where_each(found)}"])))


def systems(file: Path, names: Iterable[str] = SYSTEMS) -> str:
    """Return the table of the other recipes from the results of family.py, or ""."""
    found = _results(file, names)
    if not found:
        return ""
    rows = []
    for name, result in found.items():
        spent = (f"{result['seconds'] / 60:.1f}", f"{result['memory'] / 1e9:.2f}")
        picture = f"![images of {name}](family/{name}.png)"
        rows.append((f"`{name}`", result["paper"], *spent, _scores(result), picture))
    told = (
        "Minutes are wall time of the whole `wgan train` without evaluation; memory is the peak of the process in "
        "GB, nearly all of it torch. FD is next to that of held-out real images. Reconstruction RMSE is on a scale "
        "from 0 to 1; L1 of translations is in gray levels of 255, paired with the known answer, or from image to "
        "reconstruction (cycle)."
    )
    if missing := [f"`{name}`" for name in names if name not in found]:
        told += f" Not trained to the end yet: {', '.join(missing)}."
    headings = "recipe, paper, minutes, memory, scores, images"
    return table(headings, rows, words=2) + "\n\n" + _caption(told, found)


def tutorial_settings(file: Path) -> str:
    """Return the table of tutorial_settings.py, or ""."""
    every = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    found = {name: result for name, result in every.items() if tutorials.is_current(name, result)}
    if not found:
        return ""
    rows = []
    for name, result in found.items():
        cells = [f"`{name}`", f"`{result['our_recipe']}`"]
        for side in ("theirs", "ours"):
            own = result[side]
            cells += [f"{own['steps']:,}", f"{own['fd']:.3g}", f"![samples](tutorial_settings/{own['picture']})"]
        rows.append(cells)
    first = next(iter(found.values()))
    told = (
        f"Each was trained for {first['minutes']:g} minutes. FD of real images: {first['ours']['real_baseline']:.3g}. "
        f"One run each. On {where_each(found)}"
    )
    headings = "networks of, our settings from, steps, FD, with its own settings, steps, FD, with ours"
    return table(headings, rows, words=2) + "\n\n" + paragraph(told)


def bundled(cards: Mapping[str, Card]) -> str:
    """Return the table of the generators in the package from their cards, or ""."""
    if not cards:
        return ""
    rows = []
    counts = {
        name: {key: getattr(card, key) for key in ("images", "real_images", "seen")} for name, card in cards.items()
    }
    for name, card in cards.items():
        size = pretrained_file(name).stat().st_size / 1e6
        seeds = " / ".join(f"{value:.3g}" for value in card.by_seed.values())
        cells = (f"{size:.2f}", _scores(card.scores | counts[name]), seeds, f"{card.processor_minutes:.1f}")
        rows.append((f"`{name}`", f"{card.data}: {card.license}", *cells, f"![{name}](pretrained/{name}.png)"))
    machines = "; ".join(
        f"{', '.join(f'`{name}`' for name, card in cards.items() if card.machine == machine)} on {machine}"
        for machine in dict.fromkeys(card.machine for card in cards.values())
    )
    rounding = max(card.gray_levels for card in cards.values())
    whole = ", ".join(f"`{name}`" for name, card in cards.items() if card.gray_levels == 0)
    spared = f", except those of {whole}" if whole else ""
    told = (
        "Each is the best of its seeds by the first score. Minutes are processor time of its training, all threads "
        f"together. Weights are stored in half precision, which changes pixels by at most {rounding} of 255 gray "
        f"levels{spared}."
    )
    headings = "name, images and their license, MB, scores, each seed, minutes, samples"
    below = " ".join(filter(None, [told, fewer_real(counts), f"Trained: {machines}."]))
    return table(headings, rows, words=2) + "\n\n" + paragraph(below)


def finetuning(file: Path) -> str:
    """Return the table of finetuning.py, or ""."""
    if not file.exists():
        return ""
    result = json.loads(file.read_text(encoding="utf-8"))
    rows = [
        (
            f"`{start}`" if start.startswith("-") else start,
            f"{own['processor_seconds'] / 60:.1f}",
            f"{own['fd']:.3g}",
            f"{own['recognized']:.0%}",
            f"![samples](own_images/{own['picture']})",
        )
        for start, own in result["runs"].items()
    ]
    settings, real = result["settings"], result["real"]
    unseen = f" It recognizes {real['recognized_test']:.0%} of the test images." if "recognized_test" in real else ""
    told = (
        f"{settings['steps']:,} steps each with {settings['images']} of CIFAR-10's horses, networks and settings of "
        f"`{settings['recipe']}`, `diff_augment` and flips. FD is against 1,000 test images of horses, in the features "
        "of a classifier of CIFAR-10's ten classes; the last number is how many of 1,000 samples it takes for a horse. "
        f"For 1,000 other training horses, which the classifier has learned, they are {real['fd']:.3g} and "
        f"{real['recognized']:.0%}.{unseen} One run each. On {where(result)}"
    )
    headings = "start, minutes of processor time, FD, recognized as horses, samples"
    return table(headings, rows) + "\n\n" + paragraph(told)


def _scores(result: dict[str, Any]) -> str:
    """Summarize the scores of a result."""
    parts = []
    if "fd" in result:
        real = f"{result['real_images']:,} real images:" if has_fewer_real(result) else "real"
        parts.append(f"FD {result['fd']:.3g} ({real} {result['real_baseline']:.3g})")
    if "agreement" in result:
        parts.append(f"{result['agreement']:.1%} as requested")
    if "copy_error" in result:
        parts.append(f"reconstruction RMSE {result['copy_error']:.3g}, {result['copies_kept']:.1%} keep their class")
    if "paired_l1" in result:
        parts.append(f"paired L1 {result['paired_l1']:.3g} (untranslated {result['identity_l1']:.3g})")
    if "cycle_l1" in result:
        parts.append(f"cycle L1 {result['cycle_l1']:.3g}")
    return "; ".join(parts)


def measured(file: Path) -> dict[str, Any]:
    """Return the measurements that `wgan recipes` prints, by recipe."""
    found = _results(file, EVERY)
    rows = {}
    for name, result in found.items():
        score = next(score for score in ("paired_l1", "fd") if score in result)
        memory = result.get("memory")
        rows[name] = {
            "minutes": round(result["seconds"] / 60, 1),
            "gigabytes": None if memory is None else round(memory / 1e9, 2),
            "score": score,
            "value": common.four_digits(result[score]),
        }
    places = [where({**each, "cores_used_by_others": []}).rstrip(".").rpartition(", ") for each in found.values()]
    days = sorted({day for _, _, day in places})
    machines = "; ".join(dict.fromkeys(machine for machine, _, _ in places))
    return {"where": f"{machines}, {' to '.join(dict.fromkeys((days[0], days[-1])))}" if days else "", "recipes": rows}


def _results(file: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the results of recipes by name, without those measured with other settings than a recipe has now."""
    every = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {name: every[name] for name in names if name in every and is_current(every[name], load_recipe(name))}


def quality(file: Path) -> str:
    """Return a table of time_to_quality.py per set of images, or ""."""
    if not file.exists():
        return ""
    contestants: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["contestants"]
    sets = dict.fromkeys(own["data"] for own in contestants.values())
    return "\n\n".join(
        _quality_on({name: own for name, own in contestants.items() if own["data"] == data}) for data in sets
    )


def _quality_on(contestants: dict[str, Any]) -> str:
    budgets = {name: dict(by_budget(own)) for name, own in contestants.items()}
    rows = [
        [f"{minutes:g}", *(distance(own[minutes]) if minutes in own else "" for own in budgets.values())]
        for minutes in sorted({each for own in budgets.values() for each in own})
    ]
    first = next(iter(contestants.values()))
    floor = first["points"][0]["real_baseline"]
    told = f"FD after the given wall time; held-out real images: {floor:.3g}.{spent(contestants)} On {where(first)}"
    return table(["minutes", *budgets], rows) + "\n\n" + paragraph(told)


def written(page: str, name: str, text: str) -> str:
    """Replace the text between the marks of a part.

    Raises: WganError if the marks are missing.
    """
    first, last = MARKS[name]
    begin, end = re.escape(first), re.escape(last)
    changed, count = re.subn(f"{begin}.*?{end}", lambda _: f"{first}\n{text}\n{last}", page, flags=re.DOTALL)
    if count != 1:
        raise WganError(
            f"{PAGES[name].name} has no {name} marks, or more than one", f"put {first} and {last} there once"
        )
    return changed


def sections(folder: Path) -> dict[str, str]:
    """Return all parts of the pages by the name of their marks."""
    return {
        "chosen": chosen(folder / "family.json"),
        "quality": quality(folder / "time_to_quality.json"),
        "family": family(folder / "family.json"),
        "systems": systems(folder / "family.json"),
        "tutorials": systems(folder / "family.json", TUTORIALS),
        "tutorial_settings": tutorial_settings(folder / "tutorial_settings.json"),
        "speed": section(folder),
        "pretrained": bundled({name: read_card(name) for name in pretrained_names()}),
        "finetuning": finetuning(folder / "finetuning.json"),
        "gpu": gpu_page.section(folder / "gpu-h100.jsonl"),
    }


def main() -> None:
    for name, text in sections(common.RESULTS).items():
        page = PAGES[name].read_text(encoding="utf-8")
        PAGES[name].write_text(written(page, name, text), encoding="utf-8")
    MEASURED.write_text(json.dumps(measured(common.RESULTS / "family.json"), indent=1) + "\n", encoding="utf-8")
    distributed_page.write(json.loads((common.RESULTS / "distributed.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    common.run(main)
