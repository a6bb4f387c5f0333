"""`data:` in a recipe: the images to train on, one set or two sides to translate between."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag, model_validator

from wgan_cli.errors import WganError
from wgan_cli.recipe.decoding_types import (
    COLORS,
    MAX_CHANNELS,
    SMALL_DATASET,
    Background,
    ClassName,
    DiffAugment,
    Fit,
    Frames,
    ImageSize,
    MemoryLimit,
    Paths,
    Preview,
    Range,
    Transform,
    changed_paths,
)
from wgan_cli.recipe.scores import SCORES, SELECTABLE
from wgan_cli.recipe.settings import Settings, invalid, named_by

#: Public data sets with a training and a test split.
NAMED = (
    "digits", "mnist", "fashion_mnist", "kmnist", "emnist_letters", "emnist_balanced", "emnist_byclass",
    "emnist_bymerge", "emnist_digits", "emnist_mnist", "cifar10", "cifar100", "svhn", "stl10", "stl10_unlabeled",
    "celeba",
)  # fmt: skip

_NO_CLASSES = "choose images with classes"


class UserSource(NamedTuple):
    """Source of the user's own images, found at `data.path`."""

    example: str  # hint for a missing path
    how_to_label: str = _NO_CLASSES  # hint for missing classes
    without: tuple[str, ...] = ()  # settings that don't apply to it
    because: str = ""  # the reason
    instead: str = ""  # end of the hint


USER_SOURCES = {
    "folder": UserSource(
        "give a folder of images: --set data.path=photos",
        "put the images of each class into its own folder, or add a labels.csv with the columns file,label",
    ),
    "shards": UserSource(
        "give WebDataset shards: --set 'data.path=images-{000..255}.tar'",
        "add a .cls with its class to each image, or a .json with a label",
        without=("transform", "memory_limit", "split"),
        because="doesn't apply to shards, which are decoded as they are read and have no parts",
        instead=", or unpack the shards and set `data.source` to folder",
    ),
}
IN_MEMORY = "given"  # arrays passed by a Python program
SOURCES = (*NAMED, *USER_SOURCES, IN_MEMORY)
_PATHS = ("path", "test_path")
_NO_PATH = "`data.path` is not set"
USER_SETTINGS = (*_PATHS, "channels", "labels")  # only for USER_SOURCES


_DECODING = ("image_size", "frames", "background", "range", "labels", "preview_channels")


class AugmentSettings(Settings):
    """Random changes of real images, drawn again each time one is shown."""

    mirror: bool = Field(False, description="Random horizontal flips.")
    random_crop: int = Field(0, ge=0, le=64, description="Largest random shift in pixels; edges are repeated.")
    color_jitter: float = Field(0.0, ge=0.0, le=1.0, description="Strength of random color changes.")


class DataSettings(Settings):
    """One set of images."""

    translates: ClassVar[bool] = False
    scores: ClassVar[tuple[str, ...]] = tuple(name for name in SELECTABLE if not SCORES[name].needs)  # for `best_by`

    source: Literal[SOURCES] = Field(  # pyright: ignore[reportInvalidTypeForm]
        "digits", description="Data set, your own images (folder, shards) or arrays of a Python program (given)."
    )
    path: Paths = Field(None, description="Folder, archive or file of images, or shards; or a list of them.")
    test_path: Paths = Field(None, description="Held-out images; default: a fifth of `path`.")
    split: Literal["train", "test", "all"] = Field("train", description="Part of the data set, if it has parts.")
    labels: str = Field(
        "auto", min_length=1, description="Source of your images' classes: auto, folders, or a file such as labels.csv."
    )
    classes: tuple[ClassName, ...] | None = Field(
        None, min_length=1, description="Classes to keep, by name or number, as [3, 8]; renumbered from 0."
    )
    limit: int | None = Field(None, ge=1, description="Maximum number of images; the first ones are kept.")
    image_size: ImageSize | None = Field(
        None, description="Size after resizing in pixels: one number, or [height, width]."
    )
    channels: int | None = Field(
        None, ge=1, le=MAX_CHANNELS, description="Channels of your own images; default: as in the files."
    )
    preview_channels: Preview | None = Field(
        None,
        description="Bands that pictures show, from 1: [3, 2, 1] for red, green and blue, or one; default: the first.",
    )
    transform: Transform | None = Field(
        None, description="Negative (invert), thicker strokes, grey in three channels, or a color scale (colour)."
    )
    fit: Fit = Field("crop", description="Method that gives images the aspect ratio of `image_size`.")
    frames: Frames = Field("all", description="Images used of a multi-page TIFF or an animation (shards: the first).")
    background: Background = Field(
        "white",
        description="Color behind transparent images: white, black, gray or [red, green, blue]; not with channels 4.",
    )
    range: Range = Field(
        "auto", description="Values of 16-bit and float images that become black and white: [low, high], auto or dtype."
    )
    on_bad_file: Literal["stop", "skip"] = Field("stop", description="Reaction to a file that can't be decoded.")
    memory_limit: MemoryLimit = Field(
        None, description="Memory for images, such as 2GB; larger sets are streamed; default: half of what is free."
    )
    augment: AugmentSettings = AugmentSettings.default()
    diff_augment: DiffAugment = Field(
        (),
        description="Differentiable augmentation of real and fake images (Zhao et al. 2020): a list of color, "
        f"translation and cutout; auto: all three below {SMALL_DATASET:,} images.",
    )

    @model_validator(mode="after")
    def _check_source(self) -> DataSettings:
        user, sources = USER_SOURCES.get(self.source), " or ".join(USER_SOURCES)
        if self.source == IN_MEMORY and self.split != "train":
            raise invalid("`data.split` doesn't apply to images in memory", "leave it out, and pass the wanted images")
        if user and self.path is None and None in (self.image_size, self.channels):
            instead = "weights without images need `data.image_size` and `data.channels` instead"
            raise invalid(_NO_PATH, f"{user.example}; {instead}")
        for name in user.without if user else USER_SETTINGS:
            if getattr(self, name) == type(self).model_fields[name].default:
                continue
            if user:
                raise invalid(f"`data.{name}` {user.because}", f"leave out `data.{name}`{user.instead}")
            raise invalid(
                f"`data.{name}` only applies to your own images (`data.source` {sources})",
                f"set `data.source` to {sources}, or start from such a recipe: --recipe folder_dcgan",
            )
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """`path` as a tuple. Raises: WganError if it isn't set, since only the shape of the images is known."""
        if self.path is None:
            raise WganError(_NO_PATH, USER_SOURCES[self.source].example)
        return self.path if isinstance(self.path, tuple) else (self.path,)

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """`background` as red, green and blue."""
        return COLORS[self.background] if isinstance(self.background, str) else self.background

    @property
    def background_name(self) -> str:
        """`background` as text."""
        return self.background if isinstance(self.background, str) else f"RGB {self.background}"

    @property
    def how_to_label(self) -> str:
        """Hint for images without classes."""
        return USER_SOURCES[self.source].how_to_label if self.source in USER_SOURCES else _NO_CLASSES

    @property
    def has_splits(self) -> bool:
        """True if the source has its own test images."""
        return self.source in NAMED

    @property
    def title(self) -> str:
        """Short name of these images."""
        chosen = "" if self.classes is None else " " + ", ".join(map(str, self.classes))
        return f"{self.source}{chosen}" + ("" if self.transform is None else f" {self.transform}")

    def decoding_like(self, saved: AnyDataSettings) -> DataSettings:
        """Return a copy that decodes files like a saved run where these settings leave it open.

        The recipe of a run of an earlier version lacks these settings, and their defaults have changed since.
        """
        if isinstance(saved, PairSettings):
            return self
        names = [
            name for name in _DECODING if name not in self.model_fields_set or getattr(self, name) in ("auto", None)
        ]
        return self.model_copy(update={name: getattr(saved, name) for name in names})

    def with_range(self, chosen: tuple[float, float] | Literal["dtype"] | None) -> DataSettings:
        """Return a copy with `range: auto` resolved; unchanged if None, since no image has more than 8 bits."""
        return self if chosen is None or self.range != "auto" else self.model_copy(update={"range": chosen})

    def with_preview(self, bands: tuple[int, ...] | None) -> DataSettings:
        """Return a copy with `preview_channels` resolved; unchanged if None, since all channels are shown."""
        return self if bands is None or self.preview_channels else self.model_copy(update={"preview_channels": bands})

    def with_paths(self, change: Callable[[str], str]) -> DataSettings:
        """Return a copy with `change` applied to every path."""
        return self.model_copy(update={name: changed_paths(getattr(self, name), change) for name in _PATHS})

    def to_share(self) -> DataSettings:
        """Return a copy for others: without the folders of paths, also of a file of labels."""
        shared = self.with_paths(lambda path: Path(path).name or "images")
        return shared.model_copy(update={"labels": Path(self.labels).name or "auto"})


SIDES = ("a", "b")
Side = Annotated[DataSettings, named_by("source", DataSettings, SOURCES)]
#: Settings that change how images are read, but not which ones.
_READING = {"transform", "augment", "memory_limit", "on_bad_file", "test_path"}


class PairSettings(Settings):
    """Two sides of images to translate between.

    If the sides differ in `transform` alone, each takes half of the images: the exact answer to each translation is
    known, but not shown in training.
    """

    translates: ClassVar[bool] = True
    how_to_label: ClassVar[str] = _NO_CLASSES
    diff_augment: ClassVar[tuple[str, ...]] = ()  # changes what one critic sees; here each side has its own

    a: Side
    b: Side

    @model_validator(mode="after")
    def _check_sides(self) -> PairSettings:
        for name in SIDES:
            if getattr(self, name).diff_augment:
                raise invalid(
                    f"`data.{name}.diff_augment` needs a single set of images",
                    f"leave it out, or augment real images with `data.{name}.augment`",
                )
        if self.same_images and self.a.transform == self.b.transform:
            raise invalid(
                "`data.a` and `data.b` are the same images, so there is nothing to translate",
                "give them different `classes`, `path` or `transform`",
            )
        if self.same_images and self.a.test_path != self.b.test_path:
            raise invalid(
                "`data.a.test_path` and `data.b.test_path` differ, but both sides show the same images",
                "give both the same path, or leave out both",
            )
        return self

    @property
    def same_images(self) -> bool:
        """True if both sides show the same images in two ways, so that the exact translations are known."""
        a, b = (side.model_dump(exclude=_READING) for side in (self.a, self.b))
        return a == b and not (self.a.path is None and self.a.source in USER_SOURCES)

    @property
    def scores(self) -> tuple[str, ...]:
        """Scores that `best_by` may name."""
        return ("paired_l1",) if self.same_images else ("fd",)

    @property
    def title(self) -> str:
        """Short name of both sides: `mnist <-> mnist invert`."""
        return f"{self.a.title} <-> {self.b.title}"

    def decoding_like(self, saved: AnyDataSettings) -> PairSettings:
        """Return a copy that decodes files like a saved run where these settings leave it open."""
        if isinstance(saved, DataSettings):
            return self
        return self.model_copy(update={n: getattr(self, n).decoding_like(getattr(saved, n)) for n in SIDES})

    def with_range(self, chosen: Sequence[tuple[float, float] | None]) -> PairSettings:
        """Return a copy with `range: auto` of each side resolved."""
        sides = zip(SIDES, chosen, strict=True)
        return self.model_copy(update={name: getattr(self, name).with_range(own) for name, own in sides})

    def with_preview(self, bands: tuple[int, ...] | None) -> PairSettings:
        """Return a copy with `preview_channels` of both sides resolved."""
        return self.model_copy(update={name: getattr(self, name).with_preview(bands) for name in SIDES})

    @property
    def preview_channels(self) -> tuple[int, ...] | None:
        """Bands that pictures show: those of side a."""
        return self.a.preview_channels

    def with_paths(self, change: Callable[[str], str]) -> PairSettings:
        """Return a copy with `change` applied to every path."""
        return self.model_copy(update={name: getattr(self, name).with_paths(change) for name in SIDES})

    def to_share(self) -> PairSettings:
        """Return a copy for others, without the folders of paths."""
        return self.model_copy(update={name: getattr(self, name).to_share() for name in SIDES})


_SETTING = re.compile(rf"(?<![\w./])data\.(?=(?:{'|'.join(DataSettings.model_fields)})\b)")


def for_side(text: str, side: str) -> str:
    """Return a message about `data.path` as one about `data.a.path`."""
    return _SETTING.sub(f"data.{side}.", text)


def _kind(values: Any) -> str:
    two = values.keys() & set(SIDES) if isinstance(values, dict) else isinstance(values, PairSettings)
    return (PairSettings if two else DataSettings).__name__


_Either = Annotated[
    Annotated[DataSettings, Tag("DataSettings")] | Annotated[PairSettings, Tag("PairSettings")], Discriminator(_kind)
]
#: One set of images, or two sides if `a` or `b` is set.
AnyDataSettings = Annotated[_Either, named_by("source", _Either, SOURCES)]
