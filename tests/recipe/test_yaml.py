"""Recipes are YAML 1.2: words mean what they say, and nothing unusual is accepted."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from wgan_cli.errors import WganError
from wgan_cli.recipe.yaml import dump_yaml, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, word) for word in ("off", "on", "yes", "no", "y", "n", "Off", "NO")],
        *[("true", True), ("True", True), ("false", False), ("False", False)],
        *[("2e-4", 2e-4), ("1e5", 1e5), ("1.5e3", 1500.0), (".5", 0.5), ("1.", 1.0), ("-0.25", -0.25), ("+3", 3)],
        *[("0", 0), ("-7", -7), ("0x1F", 31), ("'5'", "5"), ("null", None), ("~", None), ("", None)],
        *[("2001-01-01", "2001-01-01"), ("1.2.3", "1.2.3"), ("5 apples", "5 apples"), ("{a: b}", {"a": "b"})],
        *[("010", 10), ("1:30", "1:30"), ("1_000", 1000), ("=", "="), ("<<", "<<")],
    ],
)
def test_values(text, value):
    read = parse_yaml(f"key: {text}", "file")["key"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("steps: 5\nmodel: [mlp\nsteps: 6\n", 3, "expected"),
        ("steps: 5\n\tmodel: mlp\n", 2, "'\\t'"),
        ("a: 1\nb: 2\n\na: 3\n", 4, "duplicate"),
        ("a:\n  b: 1\n  b: 2\n", 3, "duplicate"),
        ("a: {b: 1, b: 2}\n", 1, "duplicate"),
        ("a: &x 1\nb: *x\n", 1, "anchors"),
        ("a: 1\nb: !!python/object/apply:os.system [true]\n", 2, "tag"),
        ("a: 1\nb: !thing 5\n", 2, "tag"),
        *[(f"a: 1\nb: !!{tag}", 2, "tag") for tag in ("binary aGk=", "set {x}", "omap [a: 1]", "int ''", "str x")],
        ("a: 1\n--- \nb: 2\n", 2, "document"),
        ("a: 'open\n", 2, ""),
        ("? [a, b]\n: 1", 1, "key"),
        ("? {a: b}\n: 1", 1, "key"),
    ],
)
def test_error_names_the_line(text, line, words):
    with pytest.raises(WganError) as caught:
        parse_yaml(text, "mine.yaml")
    assert caught.value.message.startswith(f"mine.yaml line {line}: ")
    assert words in caught.value.message


WORDS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u2028\u2029"), max_size=12),
    st.sampled_from(["off", "on", "null", "~", "true", "1", "010", "1:30", "1_0", "0x1", "=", "<<", "- a", "# a", ""]),
    st.sampled_from(["1e5", "2e-4", "+1e3", "1.", ".5", ".inf", "-.inf", ".nan", "inf", "2001-01-01", "a: b", "*a"]),
    st.sampled_from(["0o17", "0b11", "1__0", "+.5", "TRUE"]),
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
@settings(max_examples=100)
def test_dump_reads_back(value):
    assert parse_yaml(dump_yaml(value), "dump") == value


@given(st.dictionaries(WORDS, st.one_of(st.floats(allow_nan=False, allow_infinity=False), WORDS), max_size=3))
@settings(max_examples=60)
def test_yaml_1_1_readers_read_the_same(values):
    assert yaml.safe_load(dump_yaml(values)) == values
