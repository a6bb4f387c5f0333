"""Values to try for settings, `KEY=V1,V2` or `KEY=low..high`, and the combinations of them."""

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from wgan_cli.errors import WganError
from wgan_cli.recipe.schema import FREE_ON_RESUME
from wgan_cli.recipe.yaml import parse_yaml

MOST_COMBINATIONS = 1000
#: One value for each setting, as `key=value`.
Combination = tuple[str, ...]
_NUMBER = r"[-+]?[0-9.]*[0-9](?:e[-+]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})", re.IGNORECASE)


@dataclass(frozen=True)
class Choice:
    """The values to try for a setting: those listed, or any between two bounds, drawn uniformly in their logarithm.

    whole: only whole numbers between the bounds.
    """

    key: str
    values: tuple[Any, ...] = ()
    bounds: tuple[float, float] | None = None
    whole: bool = False

    def draw(self, numbers: random.Random) -> str:
        """Return a random `key=value`; numbers in a range get three digits."""
        if self.bounds is None:
            return self.listed[numbers.randrange(len(self.values))]
        low, high = self.bounds
        number = low * (high / low) ** numbers.random()
        return f"{self.key}={round(number) if self.whole else format(number, '.3g')}"

    @property
    def listed(self) -> tuple[str, ...]:
        """The listed values as `key=value`."""
        return tuple(f"{self.key}={value if isinstance(value, str) else json.dumps(value)}" for value in self.values)


def parse_choice(text: str) -> Choice:
    """Parse `KEY=V1,V2,...` or `KEY=low..high`. Values are YAML, so lists are written in brackets.

    Raises: WganError naming the --try.
    """
    key, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not key or not values:
        raise WganError(f"--try {text[:100]!r} names no values", "write for example --try optim.lr=0.001,0.003")
    section, _, inner = key.partition(".")
    if key in FREE_ON_RESUME:
        raise WganError(f"--try {key}: it doesn't change what a step learns", "fix it for all candidates with --set")
    if section == "data" and "augment" not in inner:
        raise WganError(
            f"--try {key}: scores against different images are not comparable",
            "fix it for all candidates with --set; data.augment and data.diff_augment can be tried",
        )
    if found := _RANGE.fullmatch(values):
        low, high = map(float, found.groups())
        if not 0 < low < high < math.inf:
            raise WganError(
                f"--try {key}={values}: the range is empty or not positive", f"write --try {key}=0.001..0.1"
            )
        return Choice(key, bounds=(low, high))
    listed = parse_yaml(f"[{values}]", f"--try {key}")
    unique = tuple({json.dumps(value): value for value in listed}.values())
    if any(value is None for value in unique):
        raise WganError(f"--try {text[:100]!r} lacks a value between commas", f"write --try {key}=VALUE,VALUE")
    return Choice(key, unique)


def parse_choices(texts: Sequence[str], settings: Mapping[str, Any] | None = None) -> list[Choice]:
    """Parse every --try.

    Args:
        settings: values of a recipe by dotted name; where one is a whole number, a range means whole numbers.
    Raises: WganError if one can't be read, or two name the same setting.
    """
    choices = [parse_choice(text) for text in texts]
    choices = [replace(choice, whole=type((settings or {}).get(choice.key)) is int) for choice in choices]
    keys = [choice.key for choice in choices]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise WganError(f"--try {twice} is given twice", f"list all its values in one: --try {twice}=VALUE,VALUE")
    return choices


def grid(choices: Sequence[Choice]) -> list[Combination] | None:
    """Return all combinations in order, or None if a choice is a range.

    Raises: WganError if there are more than MOST_COMBINATIONS.
    """
    if any(choice.bounds for choice in choices):
        return None
    if (count := math.prod(len(choice.values) for choice in choices)) > MOST_COMBINATIONS:
        raise WganError(
            f"--try has {count:,} combinations; the maximum is {MOST_COMBINATIONS:,}",
            "try fewer values, or fewer settings",
        )
    return list(product(*(choice.listed for choice in choices)))


def drawn(choices: Sequence[Choice], count: int, seed: int) -> list[Combination]:
    """Return at most `count` combinations: the whole grid if it has no more, else random ones without repetition."""
    numbers, every = random.Random(seed), grid(choices)
    if every is not None:
        return [every[place] for place in sorted(numbers.sample(range(len(every)), min(count, len(every))))]
    combinations = (tuple(choice.draw(numbers) for choice in choices) for _ in range(10 * count))
    return list(dict.fromkeys(combinations))[:count]
