"""A YAML document as values that know their place, so that every mistake is told with its line and
column. What an author can do is bounded: size, depth, and how often an anchor is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast

import yaml
from msgspec import Struct

from penstock.flows.places import Written

DOCUMENT_CHARS_MAX: Final = 512 * 1024
NODES_MAX: Final = 50_000
DEPTH_MAX: Final = 60

_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}


class Mark(Struct, frozen=True, order=True):
    """A place in the document; both count from 1."""

    line: int
    column: int


class Mistake(Struct, frozen=True):
    """What is wrong, and where."""

    mark: Mark
    message: str

    def __str__(self) -> str:
        return f"line {self.mark.line}, column {self.mark.column}: {self.message}"


class FlowError(Exception):
    """A document that is no flow, with all its mistakes, in the order of their places."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.mark)
        super().__init__("\n".join(map(str, self.mistakes)))


class Node(Struct, frozen=True):
    """A value of the document: `value` is a scalar, a list of nodes, or a dict of them; `keys` says
    where a mapping's keys stand, and `written` how a text does.
    """

    mark: Mark
    value: Any
    keys: dict[str, Mark] = {}
    written: Written | None = None

    def mark_of(self, at: int) -> Mark:
        """Where a character of a text stands; where the text does, if that can not be told."""
        behind = None if self.written is None else self.written.behind(self.value, at)
        if behind is None:
            return self.mark
        lines, columns = behind
        return Mark(self.mark.line + lines, columns + (1 if lines else self.mark.column))

    @property
    def items(self) -> list[Node]:
        """The values of a list; of anything else, none."""
        return cast("list[Node]", self.value) if isinstance(self.value, list) else []

    @property
    def fields(self) -> dict[str, Node]:
        """The values of a mapping; of anything else, none."""
        return cast("dict[str, Node]", self.value) if isinstance(self.value, dict) else {}

    @property
    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, list):
            return [item.plain for item in self.items]
        if isinstance(self.value, dict):
            return {key: item.plain for key, item in self.fields.items()}
        return self.value

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        for kind, name in _KINDS:
            if isinstance(self.value, kind):
                return name
        return "nothing"


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a mapping"),
)


def read(text: str) -> Node:
    """The document, or FlowError."""
    if len(text) > DOCUMENT_CHARS_MAX:
        raise _error(Mark(1, 1), f"a flow may have {DOCUMENT_CHARS_MAX} characters")
    try:
        composed = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(1, 1) if at is None else Mark(at.line + 1, at.column + 1)
        raise _error(mark, f"this is no YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _error(Mark(1, 1), "this is no YAML that could be read") from error
    if composed is None:
        raise _error(Mark(1, 1), "the document is empty")
    reader = _Reader(text)
    found = reader.node(composed, 0)
    if reader.mistakes:
        raise FlowError(reader.mistakes)
    return found


def _error(mark: Mark, message: str) -> FlowError:
    return FlowError([Mistake(mark, message)])


class _Reader:
    """Turns YAML's nodes into ours."""

    def __init__(self, document: str) -> None:
        self.mistakes: list[Mistake] = []
        self._document = document
        self._left = NODES_MAX

    def node(self, found: yaml.Node, depth: int) -> Node:
        mark = Mark(found.start_mark.line + 1, found.start_mark.column + 1)
        self._left -= 1
        if self._left < 0 or depth > DEPTH_MAX:
            raise _error(mark, f"more than {NODES_MAX} values, or nested deeper than {DEPTH_MAX}")
        if isinstance(found, yaml.ScalarNode):
            return self._scalar(mark, found)
        if isinstance(found, yaml.SequenceNode):
            return Node(mark, [self.node(item, depth + 1) for item in found.value])
        assert isinstance(found, yaml.MappingNode), "there are three kinds"
        return self._mapping(mark, found, depth)

    def _scalar(self, mark: Mark, found: yaml.ScalarNode) -> Node:
        value = _scalar(found)
        if not isinstance(value, str):
            return Node(mark, value)
        place = found.start_mark.index, found.end_mark.index, found.style or ""
        return Node(mark, value, written=Written(self._document, *place))

    def _mapping(self, mark: Mark, found: yaml.MappingNode, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        for key_node, value_node in self._pairs(found):
            at = Mark(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self.mistakes.append(Mistake(at, "a key must be text"))
                continue
            key = str(key_node.value)
            if key in values:
                self.mistakes.append(
                    Mistake(at, f"{key!r} stands here twice; first in line {keys[key].line}")
                )
            keys[key] = at
            values[key] = self.node(value_node, depth + 1)
        return Node(mark, values, keys)

    def _pairs(self, found: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The pairs, with those of `<<: *anchor` before them unless they are said anew."""
        own = {key.value for key, _ in found.value if isinstance(key, yaml.ScalarNode)}
        for key, value in found.value:
            merges = isinstance(key, yaml.ScalarNode) and key.value == "<<"
            if merges and isinstance(value, yaml.MappingNode):
                yield from ((k, v) for k, v in value.value if k.value not in own)
            else:
                yield key, value


def _scalar(found: yaml.ScalarNode) -> Any:
    """Only what is plain can be a number or true or false, and `yes` is text."""
    text = str(found.value)
    if found.style is not None or (found.tag == "tag:yaml.org,2002:str" and found.style):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text) and len(text) <= 19:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) and len(text) <= 40 else text
