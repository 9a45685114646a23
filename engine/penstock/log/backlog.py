"""What waits for a group, from where its marks stand: the same for every log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from penstock.log.port import NOT_KNOWN, Backlog, Record


class Span(Struct, frozen=True, order=True):
    """How many records of a partition lie behind a group's mark: fewer than none, if the mark is
    beyond the end.
    """

    count: int
    number: int
    mark: int


def backlog_from(
    spans: Iterable[Span], first: Callable[[Span], Record | None], *, heads: bool
) -> Backlog:
    """See port.Backlog. `first` reads the record at a mark, behind which there are some."""
    waiting = list(spans)
    if not waiting:
        return Backlog(0)
    longest = max(waiting)
    firsts: dict[int, Record | None] = {}
    for span in waiting if heads else [longest]:
        head = first(span) if span.count > 0 else None
        firsts[span.number] = NOT_KNOWN if span.count < 0 else head
    oldest = firsts[longest.number] if longest.count > 0 else None
    records = sum(max(0, span.count) for span in waiting)
    return Backlog(records, oldest and oldest.timestamp_ms, firsts if heads else {})
