"""The site is built without a warning, has every page, and no link leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import site
from tests.docs.blocks import ROOT, pages
from tests.docs.site import DOCS, SITE, navigated

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Of the headlines, as GitHub makes them."""
    text = FENCED.sub("", page.read_text())
    found: dict[str, int] = {}
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        made = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found[made] = found.get(made, -1) + 1
    return {
        name if n == 0 else f"{name}-{n}" for name, most in found.items() for n in range(most + 1)
    }


def dead_links(page: Path) -> list[str]:
    dead: list[str] = []
    for target in LINK.findall(FENCED.sub("", page.read_text())):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(target)
    return dead


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    assert dead_links(page) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[a](#one) [b](#two) [c](page.md#one) [d](none.md) [e](http://x)\n")
    assert dead_links(page) == ["#two", "none.md"]


def test_every_page_is_in_the_navigation() -> None:
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    told = {name for name in there if not name.startswith("proposals/")}
    assert set(navigated()) == told | {"index.md"}


@pytest.mark.timeout(240)
def test_the_site_is_built_without_a_warning() -> None:
    assert site.build() == 0
    for name in ("index.html", "tutorial/1-tasks.html", "reference/errors.html", "search.json"):
        assert (SITE / name).stat().st_size > 500, name
    llms = (SITE / "llms.txt").read_text()
    assert llms.startswith("# Penstock\n\n> ")
    for target in LINK.findall(llms):
        assert (SITE / target).is_file(), target
    assert len(LINK.findall(llms)) == len(navigated()) + 1
    assert "## WF_RUN_UNKNOWN" in (SITE / "llms-full.txt").read_text()


def test_links_out_of_the_documentation_are_named_only(tmp_path: Path) -> None:
    """What the site does not have it does not link."""
    [index, *_] = site.prepare(tmp_path / "source")
    text = index.read_text()
    assert "](docs/" not in text and "examples/hello.py" in text
    assert "](examples/" not in text
