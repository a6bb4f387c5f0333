"""Writer of decoded images to an entry of the cache, and of facts about them."""

from collections import Counter
from typing import BinaryIO

from wgan_cli.data.files.decoded_cache import DecodedInfo
from wgan_cli.data.files.decoding import Decoded
from wgan_cli.data.files.value_range import RangeUnknown
from wgan_cli.data.fit import cropped_size
from wgan_cli.recipe.decoding_types import Size


class EntryWriter:
    """Writes images of a size to a file as uint8, or int16 if `deep`, and keeps their labels and facts about them."""

    def __init__(self, file: BinaryIO, size: Size, deep: bool = False) -> None:
        self.labels: list[int] = []
        self._size, self._deep, self._bands = size, deep, False
        self._file, self._first, self._alike = file, b"", True
        self._other_aspect: Counter[tuple[int, int]] = Counter()
        self._stacks: list[int] = []
        self._transparent = self._non_finite = 0
        self._clipped = 0.0

    def add(self, found: Decoded, label: int) -> None:
        """Write the images of a file. Raises: RangeUnknown if it has more bits than the writer."""
        if found.deep and not self._deep:
            raise RangeUnknown
        for image in found.pixels:
            content = image.tobytes()
            self._first = self._first or content
            self._alike = self._alike and content == self._first
            self._file.write(content)
            self.labels.append(label)
        self._other_aspect.update(each for each in found.sizes if cropped_size(*each, self._size) != each)
        self._stacks += [found.frames] if found.frames > 1 else []
        self._transparent += found.transparent
        self._non_finite += found.non_finite
        self._clipped += found.clipped
        self._bands = self._bands or found.bands

    def info(self, channels: int) -> DecodedInfo:
        """Return the facts known from the images."""
        return DecodedInfo(
            shape=(len(self.labels), channels, *self._size),
            deep=self._deep,
            bands=self._bands,
            alike=self._alike,
            stacks=(len(self._stacks), sum(self._stacks)),
            transparent=self._transparent,
            non_finite=self._non_finite,
            clipped=self._clipped / max(1, len(self.labels)),
            other_aspect=self._other_aspect.total(),
            other_aspect_size=self._other_aspect.most_common(1)[0][0] if self._other_aspect else (0, 0),
        )
