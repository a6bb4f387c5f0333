"""Tables and JSON of `wgan evaluate`."""

from collections.abc import Sequence
from typing import Any

from wgan_cli.cli.render.text_table import print_rows, print_table
from wgan_cli.console import data
from wgan_cli.evaluation.evaluate import Evaluation, Scores
from wgan_cli.evaluation.inception import InceptionScores
from wgan_cli.evaluation.real_images import RealImages
from wgan_cli.evaluation.reconstruction import Reconstruction
from wgan_cli.evaluation.translation import TranslationEvaluation
from wgan_cli.evaluation.usefulness import ClassifierResult, caveat, verdict
from wgan_cli.recipe.scores import SCORES

Results = dict[str, tuple[ClassifierResult, ClassifierResult]]


def _chosen_numbers(scores: Scores, chosen: Sequence[str]) -> dict[str, float]:
    """Return the chosen scores by name, in order; `classes` stands for two."""
    numbers = scores.numbers()
    names = [n for name in chosen for n in (("class_entropy", "class_confidence") if name == "classes" else (name,))]
    return {name: numbers[name] for name in names if name in numbers}


def show(heading: tuple[str, str], found: Evaluation, chosen: Sequence[str]) -> None:
    """Print wgan's own scores of generated and of real images."""
    ours, real, features = found.generated, found.real_baseline, found.features
    accuracy = "" if features.accuracy is None else f", accuracy {features.accuracy:.1%} on {found.test}"
    print_rows(
        heading,
        ("generated", f"{ours.count:,} images"),
        ("real", f"{real.count:,} images: {found.held_out}{_seen(found.seen)}"),
        ("compared with", f"{found.training_count:,} training images: {found.training}"),
        ("features", f"{features.name}: {features.description}{accuracy}"),
    )
    _compare(_chosen_numbers(ours, chosen), _chosen_numbers(real, chosen))
    columns: dict[str, Sequence[float | None]] = {}
    if "classes" in chosen and ours.classes is not None and real.classes is not None:
        columns |= {"generated": ours.classes.shares, "real": real.classes.shares}
    if "agreement" in chosen and ours.agreement is not None and real.agreement is not None:
        columns |= {"agreement": ours.agreement.by_class, "real agreement": real.agreement.by_class}
    if columns:
        cells = (["" if share is None else f"{share:.1%}" for share in column] for column in columns.values())
        print_table(("class", *columns), list(zip(features.class_names, *cells, strict=True)), right=(1, 2, 3, 4))
    if "spectrum" in chosen:
        data().print(f"spectrum: {ours.peak.text} per image", soft_wrap=True)
    if "fd" in chosen:
        data().print(found.line(), soft_wrap=True)


def show_inception(heading: tuple[str, str], found: InceptionScores, seen: bool | None) -> None:
    """Print the scores in Inception features, in their own table."""
    print_rows(
        heading,
        ("generated", f"{found.generated_count:,} images"),
        ("real", f"{found.real_count:,} images: {found.held_out}{_seen(seen)}"),
        ("compared with", f"{found.training_count:,} training images: {found.training}"),
        ("features", f"{found.features}; images are resized {found.resized}"),
    )
    _compare(found.generated, found.real)


def show_reconstruction(found: Reconstruction, real: RealImages) -> None:
    """Print the reconstruction error in one line."""
    line = (
        f"reconstructions of {found.count:,} images ({real.held_out.name}{_seen(real.seen)}): root mean square error "
        f"{found.error:.4f} for pixels from 0 to 1"
    )
    if found.kept is not None:
        line += f"; {found.kept:.1%} keep their class (originals: {found.recognized:.1%})"
    data().print(line, soft_wrap=True)


def show_usefulness(heading: tuple[str, str], results: Results, real: RealImages, subset: int) -> None:
    """Print the accuracy of classifiers that were trained on generated images."""
    tested = f"{real.held_out.name}{_seen(real.seen)}"
    print_rows(heading, ("training images", real.training.name), ("tested on", tested))
    rows = []
    for name, pair in results.items():
        for result in pair:
            spread = f"{result.spread:.1%}" if len(result.draws) > 1 else ""
            rows.append((name, f"{result.accuracy:.1%}", spread, result.trained_on, _worst(result, real)))
    print_table(("", "accuracy", "spread", "trained on", "worst class"), rows)
    if "cas" in results:
        generated, best = results["cas"]
        line = f"cas {generated.accuracy:.1%} (trained on real images: {best.accuracy:.1%})"
        data().print(f"{line}, worst class: {_worst(generated, real)}", soft_wrap=True)
    if "augmentation" in results:
        data().print(f"{verdict(*results['augmentation'])}\n{caveat(subset, real)}", soft_wrap=True)


def _worst(result: ClassifierResult, real: RealImages) -> str:
    worst = result.worst()
    return f"{real.held_out.dataset.class_names[worst]} ({result.by_class[worst]:.1%})"


def results_as_dict(results: Results, real: RealImages, subset: int) -> dict[str, Any]:
    """Return the classifiers' results for `--json`."""
    names = {"cas": ("generated", "real"), "augmentation": ("real", "real_and_generated")}
    class_names = real.held_out.dataset.class_names

    def facts(result: ClassifierResult) -> dict[str, Any]:
        return {
            "trained_on": result.trained_on,
            "accuracy": result.accuracy,
            "spread": result.spread,
            "draws": list(result.draws),
            "by_class": dict(zip(class_names, result.by_class, strict=True)),
        }

    tested = {"tested_on": {"name": real.held_out.name, "seen_by_generator": real.seen}}
    found = {name: dict(zip(names[name], map(facts, pair), strict=True)) | tested for name, pair in results.items()}
    if "augmentation" in found:
        found["augmentation"] |= {"verdict": verdict(*results["augmentation"]), "caveat": caveat(subset, real)}
    return found


def _seen(seen: bool | None) -> str:
    return "; the generator was trained on them too" if seen else ""


def _compare(ours: dict[str, float], real: dict[str, float]) -> None:
    scores = [SCORES[name] for name in ours]
    rows = [(s.name, s.format(ours[s.name]), s.format(real[s.name]), s.meaning) for s in scores]
    print_table(("", "generated", "real", ""), rows)


def as_dict(found: Evaluation, chosen: Sequence[str]) -> dict[str, Any]:
    """Return wgan's own scores for `--json`."""
    features = found.features

    def facts(scores: Scores) -> dict[str, Any]:
        numbers: dict[str, Any] = {"count": scores.count, **_chosen_numbers(scores, chosen)}
        if "spectrum" in chosen:
            numbers["spectrum_frequency"] = scores.peak.frequency
        if "classes" in chosen and scores.classes is not None:
            numbers["shares"] = dict(zip(features.class_names, scores.classes.shares, strict=True))
        if "agreement" in chosen and scores.agreement is not None:
            numbers["agreement_by_class"] = dict(zip(features.class_names, scores.agreement.by_class, strict=True))
        return numbers

    return {
        "features": {"name": features.name, "description": features.description, "accuracy": features.accuracy},
        "compared_with": {"name": found.training, "count": found.training_count},
        "held_out": {"name": found.held_out, "seen_by_generator": found.seen},
        "generated": facts(found.generated),
        "real": facts(found.real_baseline),
    }


def show_translation(title: str, found: TranslationEvaluation) -> None:
    """Print the scores of both directions of a translator."""
    print_rows(
        ("checkpoint", title),
        ("translated", f"a: {found.held_out['a']}; b: {found.held_out['b']}{_seen(found.seen)}"),
        ("images", f"{found.to['b'].count:,} of each side"),
        ("features", found.features or ""),
    )
    directions = found.as_dict()
    shown = [score for score in SCORES.values() if all(score.name in numbers for numbers in directions.values())]
    rows = [(s.name, *(s.format(numbers[s.name]) for numbers in directions.values()), s.meaning) for s in shown]
    headings = (direction.replace("_to_", " to ") for direction in directions)
    print_table(("", *headings, ""), rows, right=(1, 2))
    data().print(found.line(), soft_wrap=True)
