"""What `wgan evaluate` found, as tables and as one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wgan_cli.commands.facts_table import print_rows

if TYPE_CHECKING:
    from wgan_cli.evaluation.evaluate import Evaluation, Scores
    from wgan_cli.evaluation.inception import InceptionScores
    from wgan_cli.evaluation.real import RealImages
    from wgan_cli.evaluation.usefulness import Lesson

MEANINGS = {
    "distance": "from the training images, in percent of their variance; less is better",
    "precision": "share that looks like training images",
    "recall": "share of the training images' variety that is reached",
    "density": "how thickly training images lie around; about 1 for real ones",
    "coverage": "share of training images with one of these near",
    "copies": "share nearer to a training image than 99% of real images are",
    "entropy": "of the classes; 1 where all are equally frequent",
    "confidence": "of the classifier in the class that it names",
    "agreement": "share in which the classifier names the class asked for; of real images, their own",
    "fid": "Frechet distance from the training images in Inception's features",
    "is": "inception score; more is better",
    "is_std": "its deviation over ten parts",
    "kid": "kernel distance from the training images in Inception's features",
    "kid_std": "its deviation over a hundred parts",
}


def _numbers(scores: Scores, chosen: Sequence[str]) -> dict[str, float]:
    """The chosen numbers by name, in order."""
    numbers = {name: getattr(scores, name) for name in chosen if name != "classes"}
    numbers = {name: value for name, value in numbers.items() if value is not None}
    if "classes" in chosen and scores.classes is not None:
        numbers |= {"entropy": scores.classes.entropy, "confidence": scores.classes.confidence}
    return numbers


def show(title: str, found: Evaluation, chosen: Sequence[str]) -> None:
    """Print wgan's own numbers of generated images, each beside that of real ones."""
    from wgan_cli.console import data

    right = "" if found.accuracy is None else f", right on {found.accuracy:.1%} of {found.tested}"
    print_rows(
        ("checkpoint", title),
        ("generated", f"{found.generated.count:,} images"),
        ("real", f"{found.floor.count:,} images: {found.held_out}{_seen(found.seen)}"),
        ("compared with", f"{found.training_count:,} training images: {found.training}"),
        ("features", f"{found.features}: {found.what_features}{right}"),
    )
    ours, real = _numbers(found.generated, chosen), _numbers(found.floor, chosen)
    _compare(ours, real)
    if "classes" in chosen and found.generated.classes is not None:
        shares = zip(found.class_names, found.generated.classes.shares, found.floor.classes.shares, strict=True)
        _table(("class", "generated", "real"), [(name, f"{ours:.1%}", f"{real:.1%}") for name, ours, real in shares])
    data().print(found.line(), soft_wrap=True)


def show_inception(title: str, found: InceptionScores, seen: bool) -> None:
    """Print the numbers of papers, whose features are others: in a table of their own."""
    print_rows(
        ("checkpoint", title),
        ("generated", f"{found.generated_count:,} images"),
        ("real", f"{found.real_count:,} images: {found.held_out}{_seen(seen)}"),
        ("compared with", f"{found.training_count:,} training images: {found.training}"),
        ("features", f"{found.features}; images are resized {found.resized}"),
    )
    _compare(found.generated, found.real)


def show_usefulness(name: str, lessons: tuple[Lesson, Lesson], real: RealImages) -> None:
    """Print what classifiers that learnt from generated images know of real ones."""
    from wgan_cli.console import data

    class_names, rows = real.held_out.dataset.class_names, []
    for lesson in lessons:
        worst = min(range(len(lesson.by_class)), key=lesson.by_class.__getitem__)
        spread = f" +- {lesson.spread:.1%}" if lesson.spread else ""
        rows.append(
            (lesson.learnt_from, f"{lesson.accuracy:.1%}{spread}", f"{class_names[worst]} {lesson.by_class[worst]:.1%}")
        )
    _table((f"{name}: what a classifier learnt from", "is right on", "worst class"), rows)
    words = f"tested on {len(real.held_out):,} images: {real.held_out.name}{_seen(real.seen)}"
    if name == "augmentation":
        words += f"; the generator learnt from {len(real.training):,} images\n{_verdict(*lessons)}"
    data().print(words, soft_wrap=True)


def _verdict(alone: Lesson, both: Lesson) -> str:
    """Whether generated images helped, where the difference is more than chance makes."""
    gain, doubt = both.accuracy - alone.accuracy, max(alone.spread, both.spread)
    if abs(gain) <= doubt:
        return f"generated images make no difference here: {gain:+.1%}, within the spread"
    return f"generated images {'help' if gain > 0 else 'do harm'} here: {gain:+.1%}"


def _seen(seen: bool) -> str:
    return "; the generator learnt from them as well" if seen else ""


def _compare(ours: dict[str, float], real: dict[str, float]) -> None:
    rows = [(name, _short(name, ours[name]), _short(name, real[name]), MEANINGS[name]) for name in ours]
    _table(("", "generated", "real", ""), rows)


def _short(name: str, value: float) -> str:
    return f"{value:.3g}" if name == "distance" else f"{value:.3f}" if "kid" not in name else f"{value:.5f}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    from wgan_cli.console import data

    table = Table(box=None)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number in (1, 2) else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    data().print(table)


def as_dict(found: Evaluation, chosen: Sequence[str]) -> dict[str, Any]:
    """wgan's own numbers as `--json` prints them."""

    def of(scores: Scores) -> dict[str, Any]:
        numbers: dict[str, Any] = {"count": scores.count, **_numbers(scores, chosen)}
        if "classes" in chosen and scores.classes is not None:
            numbers["shares"] = dict(zip(found.class_names, scores.classes.shares, strict=True))
        return numbers

    return {
        "features": {"name": found.features, "what": found.what_features, "accuracy": found.accuracy},
        "compared_with": {"name": found.training, "count": found.training_count},
        "held_out": {"name": found.held_out, "seen_by_generator": found.seen},
        "generated": of(found.generated),
        "real": of(found.floor),
    }
