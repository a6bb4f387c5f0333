"""Classes with their numbers of images, as several commands print them."""

from collections.abc import Mapping

HANDFUL = 10  # images, below which a class gets a warning
MAX_NAMED = 5  # classes in a warning


def list_counts(counts: Mapping[str, int], limit: int | None = None) -> str:
    """Return names with their counts, such as "cat 500, dog 420"."""
    named = [f"{name} {count:,}" for name, count in list(counts.items())[:limit]]
    return ", ".join(named + ([f"and {len(counts) - len(named):,} more"] if len(counts) > len(named) else []))


def few_images(counts: Mapping[str, int]) -> str:
    """Return a warning about classes with a handful of images, or ""."""
    few = {name: count for name, count in sorted(counts.items(), key=lambda each: each[1]) if 0 < count < HANDFUL}
    if not few or len(counts) < 2:
        return ""
    return f"fewer than {HANDFUL} images, too few to learn a class from: {list_counts(few, MAX_NAMED)}"
