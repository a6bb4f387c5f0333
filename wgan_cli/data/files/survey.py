"""Survey of image files: sizes, modes and unusable files, by their headers or decoded."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from wgan_cli.data.containers.container import Container, Entry, NotAnImage, NotNow
from wgan_cli.data.files.decoding import check_image, deep_values, read_header
from wgan_cli.data.files.formats.raster import Header
from wgan_cli.data.files.parallel import attempt_all
from wgan_cli.data.files.value_range import SAMPLED, Summary, Values, choose_range, summarize
from wgan_cli.data.fit import cropped_size
from wgan_cli.errors import WganError
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.recipe.decoding_types import Size, is_supported
from wgan_cli.utils.format import Log, count_of, no_log, printable

DEFAULT_SIZE = (64, 64)  # if images differ in size, or the networks don't take it
LARGEST_KEPT = 128  # pixels of a side; larger images need `data.image_size`, because training takes so long
MAX_LISTED = 10  # unusable files named in an error

T = TypeVar("T")
#: (name, reason) of each unusable file.
BadFiles = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Survey(Generic[T]):
    """Headers of a set of image files."""

    good: tuple[T, ...]  # files with a readable header
    frames: tuple[int, ...]  # images in each of them
    bad: tuple[tuple[str, str], ...]  # (name, reason) of the other files
    sizes: Counter[tuple[int, int]]  # number of files by (width, height)
    modes: Counter[str]  # number of files by mode
    channels: int  # number of bands if most images have others than gray or RGB; else 3 if any is RGB, or 1
    bands: bool  # the channels are such bands
    alpha: int  # number of images that may be transparent in places
    is_deep: bool  # any image has more than 8 bits
    example_of: Mapping[tuple[int, int], str]  # name of the first file by (width, height)
    non_finite: int  # number of images with NaN or infinite values, in decoded files
    alpha_example: str  # name of the first file that may be transparent in places, if any

    def of_other_aspect(self, size: Size) -> Counter[tuple[int, int]]:
        """Return the number of files by (width, height) whose aspect ratio isn't that of a size (height, width)."""
        return Counter({each: count for each, count in self.sizes.items() if cropped_size(*each, size) != each})

    @property
    def stacks(self) -> tuple[int, int]:
        """Number of files with several images, and of the images in them."""
        several = [count for count in self.frames if count > 1]
        return len(several), sum(several)

    def target_shape(self, settings: DataSettings) -> tuple[Size, int]:
        """Return the size and channels to decode to: those of the settings, else those of the images."""
        width, height = next(iter(self.sizes), (0, 0))
        keeps = len(self.sizes) == 1 and max(width, height) <= LARGEST_KEPT and is_supported((height, width))
        size = settings.image_size or ((height, width) if keeps else DEFAULT_SIZE)
        return size, settings.channels or self.channels


def survey(
    items: Sequence[T], header: Callable[[T], Header], name: Callable[[T], str], title: str = "", log: Log = no_log
) -> Survey[T]:
    """Read the headers of all items in threads; `header` may raise NotAnImage."""
    results = list(zip(items, attempt_all(header, items, title, log), strict=True))
    good = [(item, found) for item, found in results if not isinstance(found, NotAnImage)]
    channels = Counter(found.channels for _, found in good if found.bands).most_common(1)
    bands = bool(channels) and channels[0][1] > sum(not found.bands for _, found in good)
    plain = max((found.channels for _, found in good if not found.bands), default=1)
    firsts: dict[tuple[int, int], T] = {}
    for item, found in good:
        firsts.setdefault(found.size, item)
    return Survey(
        good=tuple(item for item, _ in good),
        frames=tuple(found.frames for _, found in good),
        bad=tuple((name(item), str(reason)) for item, reason in results if isinstance(reason, NotAnImage)),
        sizes=Counter(found.size for _, found in good),
        modes=Counter(found.mode for _, found in good),
        channels=channels[0][0] if bands else plain,
        bands=bands,
        alpha=sum(found.alpha for _, found in good),
        is_deep=any(found.deep for _, found in good),
        example_of={size: name(item) for size, item in firsts.items()},
        non_finite=sum(found.non_finite for _, found in good),
        alpha_example=next((name(item) for item, found in good if found.alpha), ""),
    )


def survey_container(
    container: Container, entries: Sequence[Entry] | None = None, log: Log = no_log, decoded: bool = False
) -> Survey[Entry]:
    """Survey some or all files of a folder or archive, by their headers, or decoded, which finds damaged ones."""

    def header(entry: Entry) -> Header:
        if decoded:
            return check_image(container.read(entry))
        with container.open(entry) as file:
            return read_header(file)

    entries = container.entries() if entries is None else entries
    title = f"{container.path}: {'decoded' if decoded else 'read headers of'}"
    return survey(entries, header, container.name_for_messages, title, log)


def any_usable_now(container: Container, names: Collection[str]) -> bool:
    """Return True if any of the files with these printable names, which raised NotNow before, doesn't any more."""

    def attempt(entry: Entry) -> None:
        with container.open(entry) as file:
            read_header(file)
        container.read(entry)  # later parts may be those that can't be read

    entries = [entry for entry in container.entries() if printable(entry.name) in names] if names else []
    results = attempt_all(attempt, entries, "", no_log)
    return any(not isinstance(found, NotNow) for found in results)


def survey_values(
    items: Sequence[T], read: Callable[[T], bytes], settings: DataSettings, title: str = "", log: Log = no_log
) -> Values | None:
    """Choose a range for the values of all images with more than 8 bits, decoding them; None if there are none."""
    return choose_range(deep_summaries(items, read, settings, title, log))


def deep_summaries(
    items: Sequence[T], read: Callable[[T], bytes], settings: DataSettings, title: str = "", log: Log = no_log
) -> list[Summary]:
    """Summarize the values of all images with more than 8 bits, decoding them; unusable files are left out."""
    sampled = max(16, SAMPLED // max(1, len(items)))

    def summaries(item: T) -> list[Summary]:
        pages = deep_values(read(item), settings)
        return [summarize(page, max(16, sampled // len(pages))) for page in pages]

    results = attempt_all(summaries, items, title, log)
    return [each for found in results if not isinstance(found, NotAnImage) for each in found]


def summarize_bad(bad: BadFiles, noun: str = "file") -> str:
    """Return the number of unusable files with the first as an example."""
    name, reason = bad[0]
    return f"{count_of(len(bad), noun)} that cannot be used, such as {name} ({reason})"


def unusable_files(source: object, bad: BadFiles, noun: str = "file") -> WganError:
    """Return the error for unusable files where `data.on_bad_file` is `stop`."""
    named = ", ".join(f"{name} ({reason})" for name, reason in bad[:MAX_LISTED])
    more = f" and {len(bad) - MAX_LISTED:,} more" if len(bad) > MAX_LISTED else ""
    return WganError(
        f"{source} has {count_of(len(bad), noun)} that cannot be used: {named}{more}",
        "--set data.on_bad_file=skip trains without them; or repair or remove them",
    )
