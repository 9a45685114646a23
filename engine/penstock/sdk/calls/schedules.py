"""Schedules: runs that are started by cron."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Unpack

from penstock.contracts.answers.common import Done
from penstock.contracts.answers.definitions import ScheduleShown
from penstock.contracts.answers.told import ScheduleMade, ScheduleTold
from penstock.contracts.filters import ScheduleFilters
from penstock.core.schedules.schedules import Misfire
from penstock.sdk.api import Call, Exchange, below, command, epoch_ms, filters, given
from penstock.sdk.connection import Feed
from penstock.sdk.options import Duration, milliseconds
from penstock.sdk.subject import C, Subject, asks, lists
from penstock.sdk.workflow import Workflow, plain_variables

PATH = "/v1/schedules"


class Schedules(Subject[C]):
    """`client.schedules`.

    >>> nightly = client.schedules.make(greeting, "0 3 * * *", variables={"name": "Ada"})
    >>> client.schedules.get(nightly).cron
    '0 3 * * *'
    >>> _ = client.schedules.pause(nightly)
    >>> _ = client.schedules.resume(nightly)
    >>> _ = client.schedules.delete(nightly)
    """

    @asks
    def make(
        self,
        workflow: Workflow[..., Any] | str,
        cron: str,
        *,
        schedule_id: str | None = None,
        time_zone: str = "UTC",
        variables: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        version: int | None = None,
        misfire: Misfire | str = Misfire.SKIP,
        grace: Duration | None = None,
        catch_up_max: int | None = None,
        start_at: datetime | None = None,
        end_at: datetime | None = None,
        paused: bool = False,
        parent: str | None = None,
    ) -> Exchange[str]:
        """Have runs started whenever `cron`, in five fields, is due by the clocks of the time zone;
        the schedule's id. With an id of your own it is idempotent. A due time that lies further
        back than `grace` was missed: `misfire` says what then.
        """
        name, plain = plain_variables(workflow, dict(variables or {}))
        body = given(
            wf_spec=name,
            cron=cron,
            schedule_id=schedule_id,
            time_zone=time_zone,
            variables=plain,
            labels=dict(labels or {}),
            version=version,
            misfire=str(misfire),
            grace_ms=milliseconds(grace),
            catch_up_max=catch_up_max,
            start_at_ms=epoch_ms(start_at),
            end_at_ms=epoch_ms(end_at),
            paused=paused,
            parent=parent,
        )
        of = None if schedule_id is None else _of(schedule_id)
        return self._made(command("POST", PATH, body, of=of))

    @asks
    def get(self, schedule_id: str) -> Exchange[ScheduleShown]:
        """A schedule: when it is due next, and what came of its newest times."""
        path = below(PATH, schedule_id)
        return self._ask(ScheduleShown, Call(method="GET", path=path, of=_of(schedule_id)))

    @lists
    def list(self, **which: Unpack[ScheduleFilters]) -> Feed[ScheduleShown]:
        """All schedules, or those that the filters name; ACTIVE are those that start runs."""
        return self._pages(ScheduleShown, Call(method="GET", path=PATH, params=filters(which)))

    @asks
    def pause(self, schedule_id: str) -> Exchange[ScheduleTold]:
        """Start nothing until it is to go on."""
        return self._act(schedule_id, "pause")

    @asks
    def resume(self, schedule_id: str) -> Exchange[ScheduleTold]:
        """Go on from now."""
        return self._act(schedule_id, "resume")

    @asks
    def delete(self, schedule_id: str) -> Exchange[Done]:
        """End it, and forget it. Runs that it has started go on."""
        call = command("DELETE", below(PATH, schedule_id), None, of=_of(schedule_id))
        return self._ask(Done, call)

    def _made(self, call: Call) -> Exchange[str]:
        return (yield from self._ask(ScheduleMade, call)).schedule_id

    def _act(self, schedule_id: str, action: str) -> Exchange[ScheduleTold]:
        path = below(PATH, schedule_id, "actions", action)
        return self._ask(ScheduleTold, command("POST", path, {}, of=_of(schedule_id)))


def _of(schedule_id: str) -> str:
    return f"schedule {schedule_id}"
