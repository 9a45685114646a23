"""Format strings: `{0}`, `{1}` stand for arguments, `{{` and `}}` for braces. Nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from penstock.core.limits import VALUE_BYTES_MAX
from penstock.core.values.texts import json_text, text_of
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value

_PIECE: Final = re.compile(r"\{\{|\}\}|\{(\d{1,3})\}|[{}]", re.ASCII)


@lru_cache(maxsize=1_024)
def parse_format(template: str) -> tuple[str | int, ...]:
    """The pieces of a template: text, and the numbers of arguments; or ValueProblem."""
    pieces: list[str | int] = []
    at = 0
    for match in _PIECE.finditer(template):
        found = match[0]
        if found in ("{", "}"):
            raise ValueProblem(
                f"format string: expected {{0}}, {{{{ or }}}} at character {match.start() + 1}"
            )
        pieces.append(template[at : match.start()])
        pieces.append(found[0] if match[1] is None else int(match[1]))
        at = match.end()
    pieces.append(template[at:])
    return tuple(piece for piece in pieces if piece != "")


def check_format(template: str, count: int) -> None:
    """Raise ValueProblem if a template is none, or names an argument that is not there."""
    numbers = [piece for piece in parse_format(template) if isinstance(piece, int)]
    if numbers and max(numbers) >= count:
        raise ValueProblem(f"format string: {{{max(numbers)}}} is not there; it has {count} args")


def formatted(template: str, args: Sequence[Value]) -> str:
    """The template with its arguments. Null is written `null`, objects and arrays as JSON."""
    texts = [_shown(arg) for arg in args]
    out: list[str] = []
    size = 0
    for piece in parse_format(template):
        if isinstance(piece, int) and piece >= len(texts):
            raise ValueProblem(f"format string: {{{piece}}} is not there; it has {len(texts)} args")
        text = texts[piece] if isinstance(piece, int) else piece
        size += len(text)
        if size > VALUE_BYTES_MAX:
            raise ValueProblem(f"a formatted text may have at most {VALUE_BYTES_MAX} bytes")
        out.append(text)
    return "".join(out)


def _shown(value: Value) -> str:
    text = text_of(value)
    return json_text(value) if text is None else text
