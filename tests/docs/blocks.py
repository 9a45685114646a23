"""The code blocks of a page: fenced ones, and indented ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]
_FENCE: Final = re.compile(r"^( *)```(.*)$")
_TITLE: Final = re.compile(r'\btitle="([^"]+)"')


class Block(Struct, frozen=True):
    """A block: the line on which its text begins, the language and title of its fence (an indented
    one has neither), and the text.
    """

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def where(self) -> str:
        """For people and editors."""
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page
        return f"{page}:{self.line}"


def pages() -> list[Path]:
    """All that is documentation; proposals tell of what was thought, and are left."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    found += (ROOT / "examples").glob("*.md")
    return sorted(page for page in found if page.exists() and "proposals" not in page.parts)


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    return list(_blocks(page, page.read_text(encoding="utf-8").splitlines()))


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    number = 0
    blank = True
    while number < len(lines):
        line = lines[number]
        begin = number + 1
        fence = _FENCE.match(line)
        if fence is not None:
            number = begin
            while lines[number].strip() != "```":
                number += 1
            language, _, rest = fence[2].strip().partition(" ")
            title = _TITLE.search(rest)
            text = "".join(f"{one[len(fence[1]) :]}\n" for one in lines[begin:number])
            yield Block(page, begin + 1, language, title[1] if title else "", text)
        elif blank and line.startswith("    ") and line.strip():
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number]):
                number += 1
            text = "\n".join(one[4:] for one in lines[begin - 1 : number]).rstrip() + "\n"
            yield Block(page, begin, "", "", text)
            blank = True
            continue
        blank = not line.strip()
        number += 1
