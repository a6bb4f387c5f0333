"""YAML as people mean it: YAML 1.2's numbers and truth values, no duplicate keys, no tags, no aliases."""

from __future__ import annotations

import re
from typing import Any

import yaml

from wgan_cli.errors import WganError

MAX_LENGTH = 100_000  # letters; a recipe is a page, and more than this is another kind of file
MAX_DIGITS = 1000  # Python refuses to write numbers of more than 4300 digits into an error

_UNUSABLE = re.compile("[\\0\\ud800-\\udfff]")  # written with escapes; no file name or terminal takes them
# YAML 1.1 reads `off` as false, `2e-4` as text and `1:30` as 90. A recipe says what it means.
_FLOAT = re.compile(r"^[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.inf|\.nan)$")
_RESOLVERS = (
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"^(?:[-+]?\d+|0x[0-9a-fA-F]+)$"), list("-+0123456789")),
    ("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789.")),
)


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses what a recipe never needs, so that no surprise is possible."""

    yaml_implicit_resolvers: dict = {}

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.events.AliasEvent):
            raise _problem("aliases (*name) have no place in a recipe", event)
        if getattr(event, "tag", None) is not None:
            raise _problem(f"the tag {event.tag} has no place in a recipe", event)
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _problem("a key must be one word", key)
            if key.value in seen:
                raise _problem(f"`{key.value}` is set twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node):
        text = super().construct_scalar(node)
        if _UNUSABLE.search(text):
            raise _problem("a zero byte or half a letter has no place in a recipe", node)
        return text


def _problem(what: str, where: yaml.Event | yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, what, where.start_mark)


def _construct_int(loader: _StrictLoader, node: yaml.ScalarNode) -> int:
    if len(node.value) > MAX_DIGITS:
        raise _problem(f"a number of {len(node.value):,} digits has no place in a recipe", node)
    return int(node.value, 16 if node.value.startswith("0x") else 10)


for _tag, _pattern, _first in _RESOLVERS:
    _StrictLoader.add_implicit_resolver(_tag, _pattern, _first)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def parse_yaml(text: str, origin: str) -> Any:
    """Read one YAML document of plain values; `origin` is the name that errors give it.

    Raises: WganError naming the line for anything that is not strict YAML.
    """
    if len(text) > MAX_LENGTH:
        raise WganError(
            f"{origin} is longer than {MAX_LENGTH:,} characters, which no recipe is", "give the path of a recipe"
        )
    try:
        return yaml.load(text, _StrictLoader)
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = str(error.problem or error.context)[:300]
        raise WganError(f"{origin}{line}: {problem}", "mend that line; `wgan recipes` lists working examples") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise WganError(f"{origin} is not YAML: {reason}", "`wgan recipes` lists working examples") from None


class _PlainDumper(yaml.SafeDumper):
    """Writes short lists on their line, `[0.0, 0.9]`, and mappings as blocks."""

    def represent_sequence(self, tag, sequence, flow_style=None):
        return super().represent_sequence(tag, sequence, flow_style=True)

    def ignore_aliases(self, data):
        return True


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    # repr gives 1e-05, which YAML 1.1 readers take for text without the dot.
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_PlainDumper.add_representer(float, _represent_float)
# Text is quoted if either this module's reader or one of YAML 1.1 would take it for something else.
for _tag, _pattern, _first in _RESOLVERS:
    _PlainDumper.add_implicit_resolver(_tag, _pattern, _first)


def dump_yaml(value: Any) -> str:
    """Write plain values as YAML that `parse_yaml` and every YAML reader take back to the same values."""
    return yaml.dump(value, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=100)
