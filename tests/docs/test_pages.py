"""Layout and links of README.md and docs/*.md."""

from __future__ import annotations

import re

import pytest
import yaml
from helpers.doc_pages import PAGES, ROOT, blocks

LANGUAGES = {"sh", "bash", "console", "python", "yaml", "text", "diff", ""}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pages
def test_layout(page):
    """Blocks have a known language, YAML is valid, and lines of prose have at most 120 columns."""
    text = page.read_text(encoding="utf-8")
    assert text.count("\n```") == 2 * len(blocks(page))
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert all(yaml.safe_load(block.code) for block in blocks(page) if block.language == "yaml")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    wide = [line for line in prose.splitlines() if len(line) > 120 and not line.startswith(("|", "!["))]
    assert [line for line in wide if not re.search(r"\]\(\S{40,}\)", line)] == []


@pages
def test_links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        file, _, heading = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
        assert heading in {"", *(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles)}, target


def test_readme_links_every_page():
    linked = set(re.findall(r"\]\((docs/[\w.]+\.md)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert linked == {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}
