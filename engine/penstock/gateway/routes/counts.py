"""What has become of the runs of a WfSpec, the tasks of a TaskDef and the user tasks of a
UserTaskDef, over time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from penstock.contracts.answers.common import Found, Time
from penstock.contracts.answers.measured import CountBucket, CountsShown
from penstock.core.ids import check_definition_name
from penstock.core.limits import WINDOW_MS
from penstock.core.state.windows import (
    CountWindow,
    Measured,
    RunCount,
    TaskCount,
    Timing,
    UserTaskCount,
    add,
    kept,
)
from penstock.core.values.timestamps import timestamp_text
from penstock.gateway.auth import identify
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import time_param
from penstock.gateway.reads import Reads
from penstock.gateway.render import Json
from penstock.gateway.says import Param, Says
from penstock.gateway.spread import answer_of, everywhere
from penstock.gateway.web import gateway_of, route

BUCKETS: Final[dict[str, int | None]] = {
    "window": WINDOW_MS,
    "hour": 3_600_000,
    "day": 86_400_000,
    "all": None,
}
assert tuple(BUCKETS) == get_args(CountBucket), "the documented ones"

Timings = dict[str, Timing]


class Wanted(Struct, frozen=True):
    """What is asked for; without times, all that is kept."""

    tenant: str
    of: Measured
    name: str
    bucket: str
    start_ms: int | None
    end_ms: int | None

    def has(self, row: CountWindow) -> bool:
        """Whether a window begins within the times."""
        at_ms = row.number * WINDOW_MS
        early = self.start_ms is not None and at_ms < self.start_ms
        return not early and (self.end_ms is None or at_ms < self.end_ms)

    def begin_ms(self, row: CountWindow) -> int:
        """When the bucket of a window begins."""
        length_ms = BUCKETS[self.bucket]
        at_ms = row.number * WINDOW_MS
        return 0 if length_ms is None else at_ms - at_ms % length_ms


def counted_in(reads: Reads, wanted: Wanted, numbers: Iterable[int]) -> list[Json]:
    """What these partitions, which are open here, have counted."""
    found: dict[int, Timings] = {}
    for number in numbers:
        rows = reads.view(number).rows
        for row in kept(rows, wanted.tenant, wanted.of, wanted.name):
            if wanted.has(row):
                _add(found, wanted.begin_ms(row), row.timings)
    return [{"at_ms": at, "counts": msgspec.to_builtins(found[at])} for at in sorted(found)]


def by_bucket(found: Iterable[Json], bucket: str) -> list[Json]:
    """What all partitions have counted, the oldest first."""
    together: dict[int, Timings] = {}
    for one in found:
        _add(together, one["at_ms"], msgspec.convert(one["counts"], Timings))
    return [
        {
            "from": None if BUCKETS[bucket] is None else timestamp_text(at_ms),
            "counts": {what: _shown(timing) for what, timing in sorted(together[at_ms].items())},
        }
        for at_ms in sorted(together)
    ]


def _add(found: dict[int, Timings], at_ms: int, more: Timings) -> None:
    known = found.setdefault(at_ms, {})
    for what, timing in more.items():
        add(known, what, timing)


def _shown(timing: Timing) -> Json:
    return {
        "count": timing.count,
        "avg_ms": timing.total_ms / timing.count,
        "min_ms": timing.least_ms,
        "max_ms": timing.most_ms,
    }


def _route_of(path: str, of: Measured, about: str) -> BaseRoute:
    async def counts(request: Request) -> Response:
        params = request.query_params
        bucket = params.get("bucket", "hour")
        if bucket not in BUCKETS:
            raise bad_request(f"parameter `bucket` must be one of {', '.join(BUCKETS)}")
        wanted = Wanted(
            tenant=identify(request).tenant,
            of=of,
            name=check_definition_name(of, request.path_params["name"]),
            bucket=bucket,
            start_ms=time_param(params, "started_after"),
            end_ms=time_param(params, "started_before"),
        )
        reads = gateway_of(request).reads
        found = await everywhere(request, lambda numbers: counted_in(reads, wanted, numbers))
        if isinstance(found, Response):
            return found
        return answer_of(by_bucket(found.items, bucket), None, found.missing)

    return route(
        "GET", f"{path}/{{name}}/counts", counts, Says(about=about, gives=GIVES, query=QUERY)
    )


GIVES: Final = Found[CountsShown]
QUERY: Final = (
    Param("bucket", CountBucket, "Over how long, in UTC; an hour if it is left out."),
    Param("started_after", Time, "In windows that begin at this time, or later."),
    Param("started_before", Time, "In windows that begin before this time."),
)
ROUTES: Final = [
    _route_of(
        "/v1/wf-specs",
        Measured.WF_SPEC,
        f"What has become of its runs: {', '.join(RunCount)}. A window has"
        f" {WINDOW_MS // 60_000} minutes; those of the last 14 days are told. They belong to the"
        " name: a WfSpec that is made anew under it goes on with them.",
    ),
    _route_of(
        "/v1/task-defs",
        Measured.TASK_DEF,
        f"What has become of its tasks and their attempts: {', '.join(TaskCount)}.",
    ),
    _route_of(
        "/v1/user-task-defs",
        Measured.USER_TASK_DEF,
        f"What has become of its user tasks: {', '.join(UserTaskCount)}. Of each it is told how"
        " long that was after they were created.",
    ),
]
