"""What attempts have measured, across runs."""

from __future__ import annotations

from typing import Final, Unpack

from penstock.contracts.answers.measured import Bucket, MetricShown, SumShown
from penstock.contracts.filters import MetricFilters
from penstock.sdk.api import Call, filters
from penstock.sdk.connection import Feed
from penstock.sdk.subject import C, Subject, lists

PATH: Final = "/v1/task-metrics"


class Metrics(Subject[C]):
    """Found, and added up."""

    @lists
    def find(self, **which: Unpack[MetricFilters]) -> Feed[MetricShown]:
        """Metrics, newest first within each window that the server looks at."""
        return self._pages(MetricShown, Call(method="GET", path=PATH, params=filters(which)))

    @lists
    def sums(self, *, bucket: Bucket = "day", **which: Unpack[MetricFilters]) -> Feed[SumShown]:
        """What they come to, by name and time. Each window that the server looks at has sums of its
        own: those of one name and time add up.
        """
        params = filters(which) | {"bucket": bucket}
        return self._pages(SumShown, Call(method="GET", path=f"{PATH}/per-bucket", params=params))
