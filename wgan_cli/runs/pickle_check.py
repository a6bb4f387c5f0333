"""Limits on the pickle inside a checkpoint, beyond those of `torch.load(weights_only=True)`.

weights_only executes no code, but it trusts the sizes in the file: `bytearray` and legacy tensor constructors allocate
whatever they are asked for, a storage longer than its record is read past its end, and lists that refer to one another
unfold to any size. `check_pickle` scans the opcodes before loading, `check_values` the values after it.
"""

import pickletools
from collections.abc import Mapping
from typing import Any

import torch

from wgan_cli.runs.checkpoint_zip import NotOnlyTensors, Refused

MAX_VALUES, MAX_LETTERS, MAX_DEPTH = 1_000_000, 64_000_000, 40
MAX_OPCODES = 2 * MAX_VALUES  # a name and its place in the memo
_ITEM_BYTES = {
    "torch BoolStorage": 1, "torch ByteStorage": 1, "torch CharStorage": 1, "torch ShortStorage": 2,
    "torch HalfStorage": 2, "torch BFloat16Storage": 2, "torch IntStorage": 4, "torch FloatStorage": 4,
    "torch LongStorage": 8, "torch DoubleStorage": 8,
}  # fmt: skip
_GLOBALS = {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", *_ITEM_BYTES}
_MEMO_WRITES, _MEMO_READS = {"BINPUT", "LONG_BINPUT"}, {"BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
#: Everything else that torch.save writes for plain values and tensors.
_OPCODES = _MEMO_READS | _TUPLES | {
    "PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "BINUNICODE", "EMPTY_TUPLE", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "GLOBAL",
    "REDUCE", "BUILD", "BINPERSID",
}  # fmt: skip
_A_TUPLE = object()


def check_pickle(data: bytes, records: Mapping[str, int]) -> None:
    """Refuse a pickle that asks for more than plain values and tensors whose storages are exactly their records.

    records: size in bytes of each record of the archive, by name.
    """
    memo: dict[Any, Any] = {}
    since_mark: list[Any] = []
    value: Any = None
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            name = opcode.name
            if count > MAX_OPCODES:
                raise Refused("it holds too many values")
            if name in _MEMO_WRITES:
                memo[argument] = value
                continue
            value = memo[argument] if name in _MEMO_READS else _A_TUPLE if name in _TUPLES else argument
            if name not in _OPCODES:
                raise NotOnlyTensors("its data.pkl holds more than values")
            if name == "GLOBAL" and value not in _GLOBALS:
                raise NotOnlyTensors(f"its data.pkl asks for {value.replace(' ', '.')[:60]}")
            # Dict keys that take forever to hash or to tell apart: tuples nested by reference, and huge integers.
            if (name in _MEMO_READS and value is _A_TUPLE) or (name == "LONG1" and value.bit_length() > 64):
                raise Refused("its data.pkl holds more than values")
            if name == "BINPERSID":  # ("storage", type, key, location, number of items)
                _, _kind, storage, key, _location, items, _tuple = since_mark
                if _ITEM_BYTES[storage] * items != records[f"data/{key}"]:
                    raise Refused("a tensor does not fit its bytes")
            since_mark = [] if name == "MARK" else since_mark
            since_mark.append(value)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("its data.pkl is malformed") from error


def check_values(value: Any, size: int) -> None:
    """Refuse values nested too deeply, too many values, or tensors larger than their storage or the file's `size`."""
    level, count, letters = [value], 0, 0
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for each in level:
            if isinstance(each, torch.Tensor):
                stored = each.untyped_storage().nbytes()
                if each.numel() * each.element_size() > stored or stored > size or each.requires_grad:
                    raise Refused("a tensor does not fit its bytes")
            elif isinstance(each, dict):
                if not all(type(key) in (str, int) for key in each):
                    raise Refused("its data.pkl is malformed")
                deeper.extend(each.values())
            elif isinstance(each, list | tuple):
                deeper.extend(each)
            elif isinstance(each, str):
                letters += len(each)
            if count + len(deeper) > MAX_VALUES or letters > MAX_LETTERS:
                raise Refused("it holds too many values")
        if not deeper:
            return
        count += len(deeper)
        level = deeper
    raise Refused("its values are nested too deeply")
