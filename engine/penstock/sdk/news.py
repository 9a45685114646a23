"""What is told of a search that is followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct

from penstock.contracts.answers.runs import WfRunHead
from penstock.contracts.answers.streams import LeftSearch, MissingPartition, MissingPartitions


class RunNews(Struct, frozen=True):
    """`begin`: what is told from now on is newer than a search that is made now. It comes first,
    and whenever something may have been missed. `run`: it has begun or changed, and is as it stands
    here. `left`: the search does not find it any more. `missing`: nothing is told of these
    partitions just now, and why; each `begin`s anew when it is back, and once it is empty all are
    told of.
    """

    what: Literal["begin", "run", "left", "missing"]
    wf_run_id: str | None = None
    run: WfRunHead | None = None
    missing: tuple[MissingPartition, ...] = ()


_run: Final = msgspec.json.Decoder(WfRunHead)
_left: Final = msgspec.json.Decoder(LeftSearch)
_missing: Final = msgspec.json.Decoder(MissingPartitions)


def _of_run(data: str) -> RunNews:
    run = _run.decode(data)
    return RunNews("run", run.wf_run_id, run)


NEWS: Final[Mapping[str, Callable[[str], RunNews]]] = {
    "begin": lambda _: RunNews("begin"),
    "run": _of_run,
    "left": lambda data: RunNews("left", _left.decode(data).wf_run_id),
    "missing": lambda data: RunNews("missing", missing=tuple(_missing.decode(data).partitions)),
}
"""By the names of the events."""
