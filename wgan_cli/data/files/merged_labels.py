"""Classes of the files of one container or several: the same name, or number, is the same class."""

from collections.abc import Sequence
from dataclasses import replace

from wgan_cli.data.containers.container import Container
from wgan_cli.data.containers.several import Several
from wgan_cli.data.files.label_file import in_order
from wgan_cli.data.files.labelling import AUTO, Labelled, Split, label_files, parts_of
from wgan_cli.utils.class_names import spelled_like


def label_all(container: Container, labels: str = AUTO, split: Split = "train") -> Labelled:
    """Return the files of a part of a data set with their classes, as `label_files` does for a single container.

    Of several, those without parts are used whole for training, and not for testing. Classes have the order that they
    have in each, or else that of their names.
    """
    if not isinstance(container, Several):
        return label_files(container, labels, split)
    parts = [parts_of(each, labels) for each in container.containers]
    used: list[tuple[Container, Split]] = [
        (each, split if own else "train")
        for each, own in zip(container.containers, parts, strict=True)
        if split != "test" or (own and own.held_out)
    ]
    if split != "train" and not any(parts) or not used:
        return label_files(container.containers[0], labels, split)  # raises the error for a container without parts
    labelled_each = [label_files(each, labels, own) for each, own in used]
    known = _one_spelling([labelled.names for labelled in labelled_each])
    found = [(each, _respelled(labelled, known)) for (each, _), labelled in zip(used, labelled_each, strict=True)]
    orders = {labelled.names for _, labelled in found}
    return Labelled(
        entries=tuple(container.own(each, entry) for each, labelled in found for entry in labelled.entries),
        classes=tuple(name for _, labelled in found for name in labelled.classes),
        names=orders.pop() if len(orders) == 1 else in_order(name for names in orders for name in names),
        notes=tuple(f"{each.path}: {note}" for each, labelled in found for note in labelled.notes),
    )


def _one_spelling(orders: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return all names of classes, numbers as the longest spell them: in arrays of eleven classes, 7 is 07."""
    known: dict[str, None] = {}
    for names in sorted(orders, key=lambda names: -max(map(len, names), default=0)):
        known |= dict.fromkeys(spelled_like(names, tuple(known)))
    return tuple(known)


def _respelled(labelled: Labelled, known: Sequence[str]) -> Labelled:
    spelled: dict[str | None, str] = dict(zip(labelled.names, spelled_like(labelled.names, known), strict=True))
    classes = tuple(spelled.get(name, name) for name in labelled.classes)
    return replace(labelled, classes=classes, names=tuple(spelled.values()))


def has_held_out(container: Container, labels: str) -> bool:
    """Return True if a container, or one of several, has a part of images for testing."""
    each = container.containers if isinstance(container, Several) else [container]
    return any(parts is not None and parts.held_out is not None for parts in (parts_of(one, labels) for one in each))
