"""What attempts have measured, across runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypedDict, Unpack

from penstock.contracts.answers.measured import Bucket, MetricShown, SumShown
from penstock.sdk.api import Call, given, time_text
from penstock.sdk.connection import Feed
from penstock.sdk.subject import C, Subject, lists

PATH: Final = "/v1/task-metrics"


class Measures(TypedDict, total=False):
    """Which metrics: of this `name` and these tags, of a node (`task`) or a TaskDef, of runs that
    are looked for by the same words as their task runs. Tags and labels are `<key>:<value>`.
    """

    name: str
    tag: Sequence[str]
    task: str
    task_def: str
    namespace: str
    wf_spec: str
    start_date: datetime
    end_date: datetime
    label: Sequence[str]
    trigger_wf_run_id: str
    child_filter: Literal["CHILD", "MAIN"]


class Metrics(Subject[C]):
    """Found, and added up."""

    @lists
    def find(self, **which: Unpack[Measures]) -> Feed[MetricShown]:
        """Metrics, newest first within each window that the server looks at."""
        return self._pages(MetricShown, Call(method="GET", path=PATH, params=_params(which)))

    @lists
    def sums(self, *, bucket: Bucket = "day", **which: Unpack[Measures]) -> Feed[SumShown]:
        """What they come to, by name and time. Each window that the server looks at has sums of its
        own: those of one name and time add up.
        """
        params = _params(which) | {"bucket": bucket}
        return self._pages(SumShown, Call(method="GET", path=f"{PATH}/per-bucket", params=params))


def _params(which: Measures) -> dict[str, Any]:
    asked: dict[str, Any] = {**which}
    for name in ("start_date", "end_date"):
        asked[name] = time_text(asked.get(name))
    for name in ("tag", "label"):
        asked[name] = list(asked.get(name) or ()) or None
    return given(**asked)
