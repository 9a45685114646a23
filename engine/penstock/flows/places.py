"""Where the characters of a text stand in the document: behind quotes and escapes, in lines that
were folded, in blocks.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

_BREAK: Final = r"(?:\r\n|[\n\r\x85\u2028\u2029])"
_LINE_BREAK: Final = re.compile(_BREAK)
_PROPERTIES: Final = re.compile(rf"(?:[&!]\S*(?:[ \t]|{_BREAK})+)*")
_BREAKS: Final = rf"(?:{_BREAK}[ \t]*)+"
_FOLDED: Final = rf"[ \t]*{_BREAKS}"
_UNITS: Final = {
    "": re.compile(rf"{_FOLDED}|.", re.DOTALL),
    "'": re.compile(rf"''|{_FOLDED}|.", re.DOTALL),
    '"': re.compile(rf"\\x.{{2}}|\\u.{{4}}|\\U.{{8}}|\\{_BREAKS}|\\.|{_FOLDED}|.", re.DOTALL),
}
"""What stands for one character, or for none, in text that is no block: by its quotes."""


class Written(Struct, frozen=True):
    """A text as it stands in a document, with what is before it (an anchor, a tag); `style` is the
    sign that it begins with, or nothing.
    """

    document: str
    start: int
    end: int
    style: str

    def behind(self, text: str, at: int) -> tuple[int, int] | None:
        """How many lines below its first character another one of the text stands, and at which
        column of that line, or how many columns behind it; None if that can not be told.
        """
        find = _in_block if self.style in ("|", ">") else _in_line
        index = find(self, text, at)
        if index is None:
            return None
        *before, last = _LINE_BREAK.split(self.document[self.start : index])
        return len(before), len(last)


def _in_line(written: Written, text: str, at: int) -> int | None:
    """In plain text, and between quotes."""
    opened = _PROPERTIES.match(written.document, written.start, written.end)
    assert opened is not None, "there may be none"
    quote = len(written.style)
    start, end = opened.end() + quote, written.end - quote
    places: list[int] = []
    for unit in _UNITS[written.style].finditer(written.document, start, end):
        places += [unit.start()] * _length(unit[0])
    if len(places) != len(text):
        return None
    return places[at] if at < len(places) else end


def _length(unit: str) -> int:
    """How many characters it stands for: a line's end is a blank (nothing behind an escape, itself
    where it is one of Unicode's), each empty line behind it an end of a line.
    """
    breaks = _LINE_BREAK.findall(unit)
    if unit.startswith("\\"):
        return len(breaks) - 1 if breaks else 1
    if breaks and breaks[0] in "\u2028\u2029":
        return len(breaks)
    return max(1, len(breaks) - 1)


def _in_block(written: Written, text: str, at: int) -> int | None:
    """In a block: each of its lines is in the text, one behind the other, without its indent."""
    lines = _lines_of(written)
    filled = [line for _, line in lines if line.strip(" ")]
    if not filled:
        return None
    indent = _blanks(filled[0]) - _blanks(text.lstrip("\n"))
    before, end = 0, None
    for start, line in lines:
        inner = line[indent:]
        if not inner:
            continue
        found = text.find(inner, before)
        if found < 0:
            return None
        if at < found + len(inner):
            return start + indent + max(0, at - found)
        before, end = found + len(inner), start + len(line)
    return end


def _lines_of(written: Written) -> list[tuple[int, str]]:
    """The lines of a block behind its head, and where each begins."""
    breaks = [*_LINE_BREAK.finditer(written.document, written.start, written.end)]
    head = next((at for at, found in enumerate(breaks) if _is_head(written, found)), len(breaks))
    starts = [found.end() for found in breaks[head:]]
    ends = [*(found.start() for found in breaks[head + 1 :]), written.end]
    return [(start, written.document[start:end]) for start, end in zip(starts, ends, strict=False)]


def _is_head(written: Written, found: re.Match[str]) -> bool:
    """Whether the line that ends there has the sign of the block: what is before may take lines."""
    opened = _PROPERTIES.match(written.document, written.start, written.end)
    return opened is not None and found.start() >= opened.end()


def _blanks(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
