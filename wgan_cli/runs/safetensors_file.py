"""Generator weights as .safetensors files, which other frameworks read and which cannot execute code.

The metadata has one entry, `wgan`: JSON with all that a checkpoint holds besides its tensors, and a checksum over
both that detects accidental damage.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, BinaryIO

import torch
from torch import Tensor

from wgan_cli.runs.checkpoint_zip import Damaged, Refused

SUFFIX = ".safetensors"
ENTRY, CHECKSUM = "wgan", "checksum"
MAX_HEADER = 16_000_000  # bytes of metadata: ten thousand for a hundred tensors, and the names of all classes


def write_tensors(file: BinaryIO, networks: Mapping[str, Mapping[str, Tensor]], facts: dict[str, Any]) -> None:
    """Write tensors named `role.tensor`, and facts about them as JSON. The same content gives the same bytes.

    Args:
        facts: plain values without a key `checksum`.
    """
    from safetensors.torch import save

    tensors = {
        f"{role}.{name}": tensor.detach().cpu().contiguous()
        for role, weights in networks.items()
        for name, tensor in weights.items()
    }
    text = json.dumps({**facts, CHECKSUM: _checksum(tensors, facts)}, sort_keys=True)
    file.write(save(tensors, {ENTRY: text}))  # a single entry, because the library writes several in random order


def read_tensors(file: BinaryIO) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """Return the tensors of a file by name, and its facts (None if another program wrote it).

    Raises: Damaged, Refused.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = file.read()
    length = int.from_bytes(content[:8], "little")
    if length > MAX_HEADER:
        raise Refused(f"its header takes {length:,} bytes")
    try:
        tensors = load(content)
        about = json.loads(content[8 : 8 + length]).get("__metadata__", {}).get(ENTRY)
        facts = None if about is None else json.loads(about)
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise Damaged("its header does not fit its content") from error
    if facts is None:
        return tensors, None
    if not isinstance(facts, dict):
        raise Refused("its metadata is malformed")
    carried = facts.pop(CHECKSUM, None)
    if carried != _checksum(tensors, facts):
        raise Damaged("its content does not match its checksum")
    return tensors, {**facts, CHECKSUM: carried}


def by_role(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Group tensors named `role.tensor` into state dicts by role. Half precision becomes float32."""
    networks: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        role, _, inner = name.partition(".")
        networks.setdefault(role, {})[inner] = tensor.float() if tensor.dtype == torch.float16 else tensor
    return networks


def _checksum(tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> str:
    """Hash the facts' JSON and each tensor's name, dtype, shape and bytes, in order of names."""
    computed = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        computed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        computed.update(tensor.reshape(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]
    return f"sha256:{computed.hexdigest()}"
