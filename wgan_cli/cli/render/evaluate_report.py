"""What `wgan evaluate` found, as tables and as one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wgan_cli.cli.render.tables import print_rows, print_table

if TYPE_CHECKING:
    from wgan_cli.evaluation.evaluate import Evaluation, Scores
    from wgan_cli.evaluation.inception import InceptionScores
    from wgan_cli.evaluation.real_images import RealImages
    from wgan_cli.evaluation.reconstruction import Reconstruction
    from wgan_cli.evaluation.usefulness import Lesson


def _numbers(scores: Scores, chosen: Sequence[str]) -> dict[str, float]:
    """The chosen numbers by name, in order."""
    numbers = {name: getattr(scores, name) for name in chosen if name not in ("classes", "agreement")}
    if "classes" in chosen and scores.classes is not None:
        numbers |= {"class_entropy": scores.classes.entropy, "class_confidence": scores.classes.confidence}
    if "agreement" in chosen and scores.agreement is not None:
        numbers["agreement"] = scores.agreement.share
    return numbers


def show(title: str, found: Evaluation, chosen: Sequence[str]) -> None:
    """Print wgan's own numbers of generated images, each beside that of real ones."""
    from wgan_cli.console import data

    right = "" if found.accuracy is None else f", right on {found.accuracy:.1%} of {found.tested}"
    print_rows(
        ("checkpoint", title),
        ("generated", f"{found.generated.count:,} images"),
        ("real", f"{found.real_baseline.count:,} images: {found.held_out}{_seen(found.seen)}"),
        ("compared with", f"{found.training_count:,} training images: {found.training}"),
        ("features", f"{found.features}: {found.what_features}{right}"),
    )
    ours, real = _numbers(found.generated, chosen), _numbers(found.real_baseline, chosen)
    _compare(ours, real)
    _by_class(found, chosen)
    data().print(found.line(), soft_wrap=True)


def _by_class(found: Evaluation, chosen: Sequence[str]) -> None:
    """A row for each class: its share, and in how many of its images it is seen."""
    ours, real, columns = found.generated, found.real_baseline, []
    if "classes" in chosen and ours.classes is not None:
        columns += [("generated", ours.classes.shares), ("real", real.classes.shares)]
    if "agreement" in chosen and ours.agreement is not None:
        columns += [("seen where asked for", ours.agreement.by_class), ("in real ones", real.agreement.by_class)]
    if columns:
        headings, shares = zip(*columns, strict=True)
        rows = zip(
            found.class_names, *(["" if s is None else f"{s:.1%}" for s in each] for each in shares), strict=True
        )
        print_table(("class", *headings), list(rows), right=(1, 2, 3, 4))


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


def show_reconstruction(found: Reconstruction, real: RealImages) -> None:
    """Print in a line how like real images their copies are."""
    from wgan_cli.console import data

    line = (
        f"copies of {found.count:,} images ({real.held_out.name}{_seen(real.seen)}): error {found.error:.4f}, the root "
        "mean square of pixels from 0 to 1"
    )
    if found.kept is not None:
        line += f"; {found.kept:.1%} are of the original's class (originals: {found.recognised:.1%})"
    data().print(line, soft_wrap=True)


def show_usefulness(title: str, lessons: dict[str, tuple[Lesson, Lesson]], real: RealImages, subset: int) -> None:
    """Print what classifiers that learnt from generated images know of real ones."""
    from wgan_cli.console import data
    from wgan_cli.evaluation.usefulness import fairness, verdict

    tested = f"{real.held_out.name}{_seen(real.seen)}"
    print_rows(("checkpoint", title), ("training images", real.training.name), ("tested on", tested))
    rows = [_lesson_row(name, lesson, real) for name, pair in lessons.items() for lesson in pair]
    print_table(("", "is right on", "spread", "a classifier that learnt from", "worst class"), rows)
    if "cas" in lessons:
        data().print(_cas_line(*lessons["cas"], real), soft_wrap=True)
    if "augmentation" in lessons:
        data().print(f"{verdict(*lessons['augmentation'])}\n{fairness(subset, real)}", soft_wrap=True)


def _lesson_row(name: str, lesson: Lesson, real: RealImages) -> tuple[str, ...]:
    spread = f"{lesson.spread:.1%}" if len(lesson.draws) > 1 else ""
    return name, f"{lesson.accuracy:.1%}", spread, lesson.learnt_from, _worst(lesson, real)


def _worst(lesson: Lesson, real: RealImages) -> str:
    worst = lesson.worst()
    return f"{real.held_out.dataset.class_names[worst]} ({lesson.by_class[worst]:.1%})"


def _cas_line(generated: Lesson, best: Lesson, real: RealImages) -> str:
    return (
        f"cas {generated.accuracy:.1%} (trained on real images: {best.accuracy:.1%}), "
        f"worst class: {_worst(generated, real)}"
    )


def lessons_as_dict(lessons: dict[str, tuple[Lesson, Lesson]], real: RealImages, subset: int) -> dict[str, Any]:
    """What classifiers learnt, as `--json` prints it."""
    from wgan_cli.evaluation.usefulness import fairness, verdict

    names = {"cas": ("generated", "real"), "augmentation": ("real", "real_and_generated")}
    class_names = real.held_out.dataset.class_names

    def of(lesson: Lesson) -> dict[str, Any]:
        return {
            "learnt_from": lesson.learnt_from,
            "accuracy": lesson.accuracy,
            "spread": lesson.spread,
            "draws": list(lesson.draws),
            "by_class": dict(zip(class_names, lesson.by_class, strict=True)),
        }

    tested = {"tested_on": {"name": real.held_out.name, "seen_by_generator": real.seen}}
    found = {name: dict(zip(names[name], map(of, pair), strict=True)) | tested for name, pair in lessons.items()}
    if "augmentation" in found:
        found["augmentation"] |= {"verdict": verdict(*lessons["augmentation"]), "fairness": fairness(subset, real)}
    return found


def _seen(seen: bool) -> str:
    return "; the generator learnt from them as well" if seen else ""


def _compare(ours: dict[str, float], real: dict[str, float]) -> None:
    from wgan_cli.recipe.scores import SCORES

    scores = [SCORES[name] for name in ours]
    rows = [(s.name, s.format(ours[s.name]), s.format(real[s.name]), s.meaning) for s in scores]
    print_table(("", "generated", "real", ""), rows)


def as_dict(found: Evaluation, chosen: Sequence[str]) -> dict[str, Any]:
    """wgan's own numbers as `--json` prints them."""

    def of(scores: Scores) -> dict[str, Any]:
        numbers: dict[str, Any] = {"count": scores.count, **_numbers(scores, chosen)}
        if "classes" in chosen and scores.classes is not None:
            numbers["shares"] = dict(zip(found.class_names, scores.classes.shares, strict=True))
        if "agreement" in numbers:
            numbers["agreement_by_class"] = dict(zip(found.class_names, scores.agreement.by_class, strict=True))
        return numbers

    return {
        "features": {"name": found.features, "what": found.what_features, "accuracy": found.accuracy},
        "compared_with": {"name": found.training, "count": found.training_count},
        "held_out": {"name": found.held_out, "seen_by_generator": found.seen},
        "generated": of(found.generated),
        "real": of(found.real_baseline),
    }
