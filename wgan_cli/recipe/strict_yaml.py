"""YAML as people mean it: YAML 1.2's numbers and truth values, no duplicate keys, no tags, no aliases."""

from __future__ import annotations

import re
from typing import Any

import yaml

from wgan_cli.errors import WganError

MAX_BYTES = 1_000_000  # a recipe is a page; more than this is another kind of file


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses what a recipe never needs, so that no surprise is possible."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.constructor.ConstructorError(
                None, None, "aliases (*name) have no place in a recipe", self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"`{key_node.value}` is set twice", key_node.start_mark
                )
            seen.add(key_node.value if isinstance(key_node.value, str) else None)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads `off` as false and `2e-4` as text. A recipe says `amp: off` and `lr: 2e-4` and means what it says.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("null", "int")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.inf|\.nan)$"),
    list("-+0123456789."),
)


def parse_yaml(text: str, origin: str) -> Any:
    """Read one YAML document of plain values; `origin` is the name that errors give it.

    Raises: WganError naming the line for anything that is not strict YAML.
    """
    if len(text) > MAX_BYTES:
        raise WganError(f"{origin} is {len(text):,} bytes long, which no recipe is", "give the path of a recipe file")
    try:
        return yaml.load(text, _StrictLoader)
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise WganError(
            f"{origin}{line}: {error.problem or error.context}", "mend that line; `wgan recipes` lists working examples"
        ) from None
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
# What this module's reader resolves as text, every other reader should too: `off` must be quoted.
_PlainDumper.yaml_implicit_resolvers = {
    first: list(resolvers) for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
}


def dump_yaml(value: Any) -> str:
    """Write plain values as YAML that `parse_yaml` and every YAML reader take back to the same values."""
    return yaml.dump(value, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=100)
