"""What attempts have measured, across runs: found, newest first, and added up over time."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import FoundInRuns
from penstock.contracts.answers.measured import Bucket, MetricShown, SumShown
from penstock.contracts.filters import MetricFilters
from penstock.gateway.dialects import dialect_of
from penstock.gateway.filters import params_of
from penstock.gateway.metric_search import MetricSearch, bucket_of, by_bucket, metrics_in, sums
from penstock.gateway.run_window import newest, next_window, page_of
from penstock.gateway.says import CURSOR, LIMIT, PAGE_DEFAULT, PAGE_MAX, VIEW, Param, Says
from penstock.gateway.spread import everywhere
from penstock.gateway.web import int_param, route
from penstock.gateway.windowed import window_answer, window_of


async def find(request: Request) -> Response:
    """Metrics, newest first within a window."""
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    asked, dialect = MetricSearch.of(request.query_params), dialect_of(request)
    window = window_of(request, asked, ordered=True)
    found = await everywhere(
        request,
        lambda numbers: newest(window, metrics_in(window, dialect, numbers), limit),
        numbers=window.begins,
        searches=True,
    )
    if isinstance(found, Response):
        return found
    return window_answer(window, found, *page_of(found.items, window, limit))


async def per_bucket(request: Request) -> Response:
    """What they come to, by name and over time."""
    bucket, dialect = bucket_of(request.query_params), dialect_of(request)
    window = window_of(request, MetricSearch.of(request.query_params))
    found = await everywhere(
        request,
        lambda numbers: sums(window, dialect, bucket, numbers),
        numbers=window.begins,
        searches=True,
    )
    if isinstance(found, Response):
        return found
    items = by_bucket(found.items, bucket)
    return window_answer(window, found, items, next_window(found.items))


SEARCH: Final = (VIEW, *params_of(MetricFilters), CURSOR)
BUCKET: Final = Param("bucket", Bucket, "Over how long, in UTC; a day if it is left out.")
FOUND: Final = Says(gives=FoundInRuns[MetricShown], query=(*SEARCH, LIMIT), views=True)
SUMMED: Final = Says(gives=FoundInRuns[SumShown], query=(*SEARCH, BUCKET))
ROUTES: Final = [
    route("GET", "/v1/task-metrics", find, FOUND),
    route("GET", "/v1/task-metrics/per-bucket", per_bucket, SUMMED),
]
