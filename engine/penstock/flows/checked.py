"""Values of a document, as what they must be: a mistake is noted with its place, and reading goes
on.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from penstock.core.limits import DURATION_MS_MAX
from penstock.core.values.templates.functions import SECRET_MISPLACED
from penstock.core.values.templates.lexer import TemplateMistake
from penstock.core.values.templates.parser import parse_template
from penstock.core.values.templates.secrets import misplaced_secret
from penstock.core.values.templates.wanted import Path, wanted_paths
from penstock.core.values.types import ValueProblem
from penstock.flows.document import Mark, Mistake, Node
from penstock.flows.durations import duration_ms


class Checked:
    """Notes mistakes; what its methods return counts only if there are none."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.names: list[tuple[Mark, Path]] = []  # without which templates have no value

    def wrong(self, mark: Mark, message: str) -> None:
        self.mistakes.append(Mistake(mark, message))

    def known_keys(self, node: Node, known: Iterable[str], what: str) -> None:
        names = list(known)
        for key in node.fields:
            if key not in names:
                near = get_close_matches(key, names, 1)
                said = f"; did you mean {near[0]!r}?" if near else ""
                self.wrong(node.keys[key], f"{what} has no {key!r}{said}")

    def is_mapping(self, node: Node, what: str) -> bool:
        if isinstance(node.value, dict):
            return True
        self.wrong(node.mark, f"{what} is a mapping, not {node.kind}")
        return False

    def items_of(self, node: Node | None, what: str) -> list[Node]:
        if node is None or node.value is None:
            return []
        if not isinstance(node.value, list):
            self.wrong(node.mark, f"{what} is a list, not {node.kind}")
            return []
        return node.items

    def object_of(self, node: Node, key: str) -> dict[str, Any]:
        found = node.fields.get(key)
        if found is None or not self.is_mapping(found, key):
            return {}
        self.check_templates(found)
        return found.plain

    def text_of(self, node: Node, key: str) -> str | None:
        found = node.fields.get(key)
        if found is None or found.value is None:
            return None
        if isinstance(found.value, (list, dict)):
            self.wrong(found.mark, f"{key} is text, not {found.kind}")
            return None
        return found.value if isinstance(found.value, str) else str(found.value).lower()

    def flag_of(self, node: Node, key: str) -> bool:
        found = node.fields.get(key)
        if found is None:
            return False
        if not isinstance(found.value, bool):
            self.wrong(found.mark, f"{key} is true or false, not {found.kind}")
        return found.value is True

    def count_of(self, node: Node, key: str) -> int | None:
        found = node.fields.get(key)
        if found is None:
            return None
        if isinstance(found.value, bool) or not isinstance(found.value, int):
            self.wrong(found.mark, f"{key} is a whole number, not {found.kind}")
            return None
        return found.value

    def duration_of(self, node: Node) -> int:
        found = duration_ms(node.value) if isinstance(node.value, str) else None
        if found is None:
            self.wrong(node.mark, f"{str(node.plain)[:40]!r} is no duration; write it as PT5M")
        elif found > DURATION_MS_MAX:
            self.wrong(node.mark, f"{str(node.plain)[:40]!r} is too long a time")
        return found or 0

    def check_templates(self, node: Node, *, secret: bool = False) -> None:
        """All text in it must be a template that can be read; the names that it wants are noted.
        With `secret` it may be one itself: a worker is given it as it is.
        """
        if isinstance(node.value, dict):
            for item in node.fields.values():
                self.check_templates(item)
        elif isinstance(node.value, list):
            for item in node.items:
                self.check_templates(item)
        elif isinstance(node.value, str) and is_template(node.value):
            self._check_template(node, node.value, secret=secret)

    def _check_template(self, node: Node, template: str, *, secret: bool) -> None:
        try:
            wanted = wanted_paths(parse_template(template))
        except TemplateMistake as mistake:
            self.wrong(node.mark_of(mistake.at), f"template: {mistake.said}")
        except ValueProblem as problem:
            self.wrong(node.mark, str(problem))
        else:
            self.names += [(node.mark_of(at), path) for path, at in wanted.items()]
            misplaced = misplaced_secret(template, as_whole=secret)
            if misplaced is not None:
                self.wrong(node.mark_of(misplaced), SECRET_MISPLACED)


def is_no_time(node: Node) -> bool:
    """Whether it is a duration of nothing."""
    return isinstance(node.value, str) and duration_ms(node.value) == 0


def unknown_name(name: str, known: Iterable[str]) -> str:
    """A template wants a name that it can not have."""
    names = sorted(known)
    near = get_close_matches(name, names, 1, 0.75)
    said = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    return f"a template reads {name[:60]!r}, which is never there; {said}"


def is_template(value: Any) -> bool:
    """Whether it is text with braces that a template has."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value)
