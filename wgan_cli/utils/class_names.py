"""Classes by name or number."""

from collections.abc import Iterable, Sequence

from wgan_cli.errors import WganError, did_you_mean

MAX_LISTED = 20  # names in a hint


def spelled_like(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return names of classes, each spelled as the known one of the same number if all of them are numbers.

    >>> spelled_like(["7", "10"], ["00", "07"])
    ('07', '10')
    """
    if not all(name.isascii() and name.isdigit() for name in (*names, *known)):
        return tuple(names)
    by_number = {int(name): name for name in known}
    if len(by_number) < len(known) or len(set(map(int, names))) < len(names):  # 7 and 07 are two classes here
        return tuple(names)
    return tuple(by_number.get(int(name), name) for name in names)


def class_indices(words: Iterable[int | str], class_names: Sequence[str], option: str, hint: str = "") -> list[int]:
    """Return the indices of classes given by name or, if no class has that name, by number.

    Args:
        option: Option or setting that lists the classes, for errors.
        hint: Appended to the names of the classes in the hint.
    Raises: WganError for an unknown class, or one listed twice.
    """
    indices: list[int] = []
    for word in words:
        text = str(word)
        if text in class_names:
            index = class_names.index(text)
        elif text.isdecimal() and len(text) < 7 and int(text) < len(class_names):
            index = int(text)
        else:
            names = ", ".join(class_names[:MAX_LISTED]) + (", ..." if len(class_names) > MAX_LISTED else "")
            known = f"classes: {names}" if class_names else f"leave out {option}; there are no classes"
            near = "" if text.isdecimal() else did_you_mean(text[:40], class_names)
            raise WganError(f"{option}: unknown class {text[:40]!r}", f"{near}{known}{hint}")
        if index in indices:
            raise WganError(f"{option} lists {class_names[index]} twice", "list each class once")
        indices.append(index)
    return indices
