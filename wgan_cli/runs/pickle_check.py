"""What a checkpoint's pickle would build, followed step by step without building it.

torch.load(weights_only=True) runs no code, but it believes what the file says of sizes: a storage longer than its bytes
is read past its end, and a few hundred bytes can ask for any amount of memory or, with lists that hold each other, of
time. So the file is first read by this small machine, which knows only what checkpoints are made of.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any

from wgan_cli.runs.checkpoint_zip import Refused

MOST_VALUES, MOST_LETTERS, MOST_DEPTH = 1_000_000, 4_000_000, 40
_DICT, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_ITEM_BYTES = {
    "torch BoolStorage": 1, "torch ByteStorage": 1, "torch CharStorage": 1, "torch ShortStorage": 2,
    "torch HalfStorage": 2, "torch BFloat16Storage": 2, "torch IntStorage": 4, "torch FloatStorage": 4,
    "torch LongStorage": 8, "torch DoubleStorage": 8,
}  # fmt: skip
_PLAIN = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"}
_FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_GET, _PUT = {"BINGET", "LONG_BINGET"}, {"BINPUT", "LONG_BINPUT"}


@dataclass(frozen=True)
class _Name:
    text: str


@dataclass(frozen=True)
class _Storage:
    items: int


class _Tensor:
    pass


def check_outline(data: bytes, parts: dict[str, int]) -> None:
    """Refuse a pickle that is more than plain values and tensors, each inside its part of the archive.

    Args:
        parts: bytes of each part of the archive, by name.
    Raises: Refused.
    """
    try:
        _check_tree(_Machine(parts).run(data))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Refused("its data.pkl makes no sense") from error


class _Machine:
    """The stack machine of pickle, with inert objects."""

    def __init__(self, parts: dict[str, int]) -> None:
        self.parts = parts
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # stacks before each mark
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """Follow all steps and return the value that stays."""
        for step, argument, _ in pickletools.genops(data):
            name = step.name
            if name in _PLAIN:
                self.stack.append(argument)
            elif name in _FIXED:
                self.stack.append(_FIXED[name])
            elif name in _PUT:
                self.memo[argument] = self.stack[-1]
            elif name in _GET:
                self.stack.append(self.memo[argument])
            elif name == "STOP":
                return self.stack.pop()
            else:
                getattr(self, f"_{name.lower()}", self._unknown)(argument)
        raise ValueError("no end")

    def _unknown(self, _argument: Any) -> None:
        raise Refused("its data.pkl asks for more than values")

    def _proto(self, number: int) -> None:
        if number != 2:
            raise Refused(f"its data.pkl has protocol {number}")

    def _mark(self, _: None) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def _empty_list(self, _: None) -> None:
        self.stack.append([])

    def _empty_dict(self, _: None) -> None:
        self.stack.append({})

    def _tuple(self, _: None) -> None:
        items = tuple(self._since_mark())
        self.stack.append(items)

    def _take(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise ValueError("too little on the stack")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def _tuple1(self, _: None) -> None:
        self.stack.append(self._take(1))

    def _tuple2(self, _: None) -> None:
        self.stack.append(self._take(2))

    def _tuple3(self, _: None) -> None:
        self.stack.append(self._take(3))

    def _append(self, _: None) -> None:
        self._extend(list(self._take(1)))

    def _appends(self, _: None) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("no list")
        self.stack[-1].extend(items)

    def _setitem(self, _: None) -> None:
        self._set(self._take(2))

    def _setitems(self, _: None) -> None:
        self._set(self._since_mark())

    def _set(self, items: tuple[Any, ...] | list[Any]) -> None:
        if type(self.stack[-1]) is not dict or len(items) % 2:
            raise TypeError("no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Large numbers can be chosen so that a dict takes minutes to tell them apart.
            if type(key) is not str and not (type(key) is int and 0 <= key < 2**31):
                raise TypeError("no key")
            self.stack[-1][key] = value

    def _global(self, name: str) -> None:
        if name not in (_DICT, _TENSOR, *_ITEM_BYTES):
            raise Refused(f"its data.pkl asks for {name.replace(' ', '.')[:60]}")
        self.stack.append(_Name(name))

    def _binpersid(self, _: None) -> None:
        kind, name, key, _place, items = self.stack.pop()
        if kind != "storage" or not isinstance(name, _Name) or type(items) is not int or items < 0:
            raise TypeError("no storage")
        if items * _ITEM_BYTES[name.text] != self.parts[f"data/{key}"]:
            raise Refused("a tensor does not fit its bytes")
        self.stack.append(_Storage(items))

    def _reduce(self, _: None) -> None:
        name, arguments = self._take(2)
        if name == _Name(_DICT) and arguments == ():
            self.stack.append({})
        elif name == _Name(_TENSOR):
            self.stack.append(_checked_tensor(*arguments))
        else:
            raise Refused("its data.pkl calls something")

    def _build(self, _: None) -> None:
        state = self.stack.pop()  # what torch notes of the versions of its modules
        if type(state) is not dict or type(self.stack[-1]) is not dict:
            raise TypeError("no state")


def _checked_tensor(storage: Any, offset: Any, shape: Any, strides: Any, needs_gradient: Any, hooks: Any) -> _Tensor:
    """A tensor whose every number lies inside its storage, and that is not larger than it."""
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, _Storage) or any(type(n) is not int or n < 0 for n in numbers):
        raise TypeError("no tensor")
    if needs_gradient is not False or hooks != {} or len(shape) != len(strides) or len(shape) > 8:
        raise TypeError("no tensor")
    count = 1
    for side in shape:
        count *= side
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if count > storage.items or (count and last >= storage.items) or offset > storage.items:
        raise Refused("a tensor does not fit its bytes")
    return _Tensor()


def _check_tree(value: Any) -> None:
    """Refuse what takes too long to walk through: too deep, too much, or lists that hold themselves."""
    level, values, letters = [value], 0, 0
    for _ in range(MOST_DEPTH):
        deeper: list[Any] = []
        for each in level:
            letters += len(each) if type(each) is str else 0
            deeper.extend(each.values() if type(each) is dict else each if type(each) in (list, tuple) else ())
            if values + len(deeper) > MOST_VALUES or letters > MOST_LETTERS:
                raise Refused("it holds too many values")
        if not deeper:
            return
        values += len(deeper)
        level = deeper
    raise Refused("its values are nested too deeply")
