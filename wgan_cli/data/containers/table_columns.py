"""Choice of the columns of a table that hold images and their classes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wgan_cli.data.files.label_file import LABEL_COLUMNS, class_of, find_column
from wgan_cli.data.files.labelling import AUTO, FOLDERS
from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.utils.extras import import_extra
from wgan_cli.utils.format import printable

IMAGE_COLUMNS = ("image", "img", "images", "jpg", "png", "photo", "picture", "pixel_values")


@dataclass(frozen=True)
class Columns:
    """Columns of a table."""

    image: str
    label: str | None
    class_names: tuple[str, ...]  # that labels are indices into; () if they are names themselves
    note: str

    @property
    def used(self) -> list[str]:
        """Columns to read."""
        return [self.image] if self.label is None else [self.image, self.label]

    def class_at(self, value: Any) -> Any:
        """Return the name of the class that a label stands for; None for no class."""
        if not self.class_names or value is None:
            return value
        return self.class_names[value] if 0 <= value < len(self.class_names) else None


def choose_columns(path: object, schema: Any, image: str | None, labels: str) -> Columns:
    """Choose the columns of images and of their classes.

    Args:
        path: Of the table, for messages.
        schema: pyarrow's, with the column types of Hugging Face in its metadata if there are any.
        image: The column of images; None chooses one.
        labels: `auto`, `folders` for no classes, or the column of classes.
    Raises: WganError if there is no such column.
    """
    features = _features(schema.metadata)
    images = [field.name for field in schema if is_encoded(field.type)]
    if not images or (image is not None and image not in images):
        types = ", ".join(f"{printable(field.name)} ({field.type})" for field in schema)
        raise WganError(
            f"{path} has no column {image}" if image else f"{path} has no column of images: it has {types}",
            f"columns of images are {', '.join(images)}" if images else "store image files as bytes, such as PNG",
        )
    chosen = image or find_column(images, IMAGE_COLUMNS) or images[0]
    others = [name for name in schema.names if name not in images]
    classes = [name for name in others if features.get(name, {}).get("_type") == "ClassLabel"]
    label = _label_column(path, labels, others, classes)
    names = () if label is None else features.get(label, {}).get("names") or ()
    note = _note(path, chosen, label, schema.names, images, classes)
    return Columns(chosen, label, tuple(class_of(name) or "" for name in names), note)


def _label_column(path: object, labels: str, columns: Sequence[str], classes: Sequence[str]) -> str | None:
    """Return the column that `labels` asks for, of those declared as classes if possible; None without one."""
    if labels == FOLDERS:
        return None
    if labels == AUTO:
        return find_column(classes, LABEL_COLUMNS) or next(iter(classes), None) or find_column(columns, LABEL_COLUMNS)
    if labels in columns:
        return labels
    near, known = did_you_mean(labels, columns), ", ".join(map(printable, columns)) or "none"
    raise WganError(f"`data.labels` is {labels}, but {path} has no such column", f"{near}columns: {known}")


def is_encoded(kind: Any) -> bool:
    """Return True for a column type that holds image files: bytes, or a struct of bytes and a path."""
    if str(kind) in ("binary", "large_binary"):
        return True
    names = [field.name for field in kind] if str(kind).startswith("struct<") else []
    return "bytes" in names and is_encoded(kind.field("bytes").type)


def _features(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """Return Hugging Face's descriptions of columns; {} without one."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {name: found for name, found in features.items() if isinstance(found, dict)}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _note(
    path: object, image: str, label: str | None, names: Sequence[str], images: Sequence[str], classes: Sequence[str]
) -> str:
    unused = [name for name in names if name not in (image, label)]
    note = f"images from column {image}" + (f", classes from column {label}" if label else "")
    if unused:
        note += f" (not used: {', '.join(map(printable, unused))})"
    others = [f"--set data.labels={name} uses other classes" for name in classes if name != label]
    others += [f"{path}/{name} has other images" for name in images if name != image]
    return "; ".join([note, *others[:1]])


def bytes_and_sizes(column: Any) -> tuple[Any, list[int]]:
    """Return a column of images as an array of bytes, and the size of each; 0 if it is missing."""
    compute = import_extra("pyarrow.compute", "data", "")
    images = compute.struct_field(column, "bytes") if str(column.type).startswith("struct<") else column
    return images, [size or 0 for size in compute.binary_length(images).to_pylist()]
