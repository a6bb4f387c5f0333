"""YAML 1.2 for recipes: no duplicate keys, tags or aliases, and bounded in size and depth.

ruamel.yaml reads, because PyYAML follows YAML 1.1: `off` is false, `2e-4` is text, `1:30` is 90. PyYAML writes, because
it quotes what a YAML 1.1 reader would misunderstand.
"""

import copy
import re
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, Event, ScalarEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from wgan_cli.errors import WganError
from wgan_cli.recipe.recipe_files import MAX_LENGTH

MAX_DEPTH = 50
MAX_DIGITS = 1000  # Python refuses to print numbers of more than 4300 digits
_UNUSABLE = re.compile("[\\0\\ud800-\\udfff]")  # written with escapes; no file name or terminal takes them
_TAG = "tag:yaml.org,2002:"


def _problem(what: str, where: Event | Node) -> ConstructorError:
    return ConstructorError(None, None, what, where.start_mark)


class _Composer(Composer):
    """Composer that rejects what a recipe never needs, before anything is built from it."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if self.depth > MAX_DEPTH:
            raise _problem(f"nested more than {MAX_DEPTH} levels deep", event)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _problem("aliases (*name) and anchors (&name) are not allowed in a recipe", event)
        if tag := getattr(event, "ctag", None):
            raise _problem(f"the tag {tag} is not allowed in a recipe", event)
        if isinstance(event, ScalarEvent):
            if _UNUSABLE.search(event.value):
                raise _problem("zero bytes and surrogates are not allowed in a recipe", event)
            if not event.style and len(event.value) > MAX_DIGITS and re.match(r"[-+]?\d", event.value):
                raise _problem(f"a number of {len(event.value):,} digits is not allowed in a recipe", event)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Constructor(SafeConstructor):
    """SafeConstructor that leaves dates as text and accepts only words as keys."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> Any:
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise _problem("a key must be one word", key)
        return super().construct_mapping(node, deep)


for _name in ("timestamp", "merge", "value"):
    _Constructor.add_constructor(_TAG + _name, SafeConstructor.construct_yaml_str)


def parse_yaml(text: str, origin: str) -> Any:
    """Return the plain values of one YAML document; WganErrors name its `origin`, a file or option, and the line."""
    if len(text) > MAX_LENGTH:
        raise WganError(f"{origin} is longer than {MAX_LENGTH:,} characters", "give the path of a recipe")
    try:
        return copy.deepcopy(_values(text))
    except MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = str(error.problem or error.context)[:300]
        raise WganError(f"{origin}{line}: {problem}", "fix that line; `wgan recipes` lists working examples") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise WganError(f"{origin} is not YAML: {error}", "`wgan recipes` lists working examples") from None


@lru_cache
def _values(text: str) -> Any:
    """Parse once: settings recur, and a parser takes a millisecond to build."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.Constructor = _Composer, _Constructor
    return yaml.load(text)


def dump_yaml(value: Any) -> str:
    """Return plain values as YAML that `parse_yaml` and any other YAML reader turn back into the same values."""
    import yaml  # not needed to read

    resolver = VersionedResolver(loader=YAML(typ="safe", pure=True))

    class Dumper(yaml.SafeDumper):
        """Writes short lists on one line, `[0.0, 0.9]`, mappings as blocks, and a layer of a list per line."""

    def represent_str(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
        # YAML 1.2 reads 2e-4 as a number, which YAML 1.1 takes for text.
        plain = resolver.resolve(ScalarNode, data, (True, False)) == _TAG + "str"
        return dumper.represent_scalar(_TAG + "str", data, style=None if plain else "'")

    Dumper.add_representer(str, represent_str)

    def represent_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
        layers = any(isinstance(item, dict) for item in data)
        node = dumper.represent_sequence(_TAG + "seq", data, flow_style=not layers)
        for item in filter(lambda item: isinstance(item, yaml.MappingNode), node.value):
            for _, arguments in item.value:
                arguments.flow_style = True
        return node

    Dumper.add_representer(list, represent_list)
    Dumper.ignore_aliases = lambda self, data: True
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
