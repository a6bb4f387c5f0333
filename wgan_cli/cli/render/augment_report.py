"""Output of `wgan augment`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from wgan_cli.cli.render.class_counts import list_counts
from wgan_cli.cli.render.text_table import print_table
from wgan_cli.console import data, print_message
from wgan_cli.data.dataset import ImageSet
from wgan_cli.evaluation.balancing import Filling, verdict
from wgan_cli.evaluation.real_images import RealImages
from wgan_cli.evaluation.usefulness import ClassifierResult, tested_images
from wgan_cli.utils.format import thinned

MAX_NAMED = 20  # classes in a line
FEW = 20  # held-out images, of which one is 5 points of a class's accuracy


def show_filling(dataset: ImageSet, filling: Filling, out: Path) -> None:
    """Print what was written and what was left out."""
    added = _by_class(dataset, filling.labels.bincount(minlength=len(dataset.class_names)))
    print_message(f"{out}: {len(dataset):,} real images of {dataset.shape}, and {len(filling.labels):,} generated:")
    print_message(f"  {list_counts(added, MAX_NAMED)}")
    if filling.copies.any():
        copies = list_counts(_by_class(dataset, filling.copies), MAX_NAMED)
        print_message(f"left out {int(filling.copies.sum()):,} that are too close to a training image: {copies}")
    if filling.missing.any():
        missing = list_counts(_by_class(dataset, filling.missing), MAX_NAMED)
        print_message(f"warning: too many of these were copies, so images are still missing: {missing}")
    if varieties := thinned(list(_variety(dataset, filling).items()), MAX_NAMED):
        shares = ", ".join(f"{name} {share:.0%}" for name, share in varieties)
        print_message(f"variety, where 100% is that of the real images of the class: {shares}")


def warn_of_few(real: RealImages, filling: Filling) -> None:
    """Print a warning about filled classes with few held-out images."""
    counts, filled = _held_out(real), filling.labels.unique().tolist()
    names = [real.held_out.dataset.class_names[label] for label in filled]
    if few := {name: counts[name] for name in names if counts[name] < FEW}:
        print_message(
            f"warning: fewer than {FEW} held-out images, so the accuracy of these classes says little: "
            f"{list_counts(few, MAX_NAMED)}"
        )


def show_trials(real: RealImages, found: Mapping[str, ClassifierResult]) -> None:
    """Print the accuracy of the classifiers, and the verdict."""
    names, rows = real.held_out.dataset.class_names, []
    for trained_on, trial in found.items():
        worst = trial.worst()
        shown = f"{names[worst]} ({trial.by_class[worst]:.1%})"
        rows.append((trained_on, f"{trial.accuracy:.1%}", f"{trial.spread:.1%}", shown))
    print_table(("training images", "accuracy", "spread", "worst class"), rows)
    tested = f"{len(tested_images(real)):,} held-out images: {list_counts(_held_out(real), MAX_NAMED)}"
    lines = [f"Accuracy is the mean over the classes, on {tested}.", verdict(found)]
    if real.seen:
        lines.append("The generator may have been trained on the held-out images too, which favors it.")
    data().print("\n".join(lines), soft_wrap=True)


def as_dict(
    dataset: ImageSet, real: RealImages, filling: Filling, found: Mapping[str, ClassifierResult]
) -> dict[str, Any]:
    """Return the same for `--json`."""
    added = filling.labels.bincount(minlength=len(dataset.class_names))
    names = real.held_out.dataset.class_names
    return {
        "real": dataset.class_counts,
        "generated": _by_class(dataset, added),
        "copies": _by_class(dataset, filling.copies),
        "variety": _variety(dataset, filling),
        "missing": _by_class(dataset, filling.missing),
        "held_out": {
            "name": real.held_out.name,
            "count": len(tested_images(real)),
            "by_class": _held_out(real),
            "seen_by_generator": real.seen,
        },
        "trials": {
            name: {
                "accuracy": trial.accuracy,
                "draws": list(trial.draws),
                "by_class": dict(zip(names, trial.by_class, strict=True)),
            }
            for name, trial in found.items()
        },
        "verdict": verdict(found),
    }


def _variety(dataset: ImageSet, filling: Filling) -> dict[str, float]:
    return {name: share for name, share in zip(dataset.class_names, filling.variety, strict=True) if share is not None}


def _held_out(real: RealImages) -> dict[str, int]:
    """Return the number of images of each class that classifiers are tested on."""
    names, labels = real.held_out.dataset.class_names, tested_images(real).labels
    return dict(zip(names, labels.bincount(minlength=len(names)).tolist(), strict=True))


def _by_class(dataset: ImageSet, counts: Tensor) -> dict[str, int]:
    """Return the classes with a count above zero."""
    return {name: count for name, count in zip(dataset.class_names, counts.tolist(), strict=True) if count}
