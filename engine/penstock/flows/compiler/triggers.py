"""What starts a flow by itself, as commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from penstock.core.command import Command
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.schedules.cron_syntax import CronProblem, check_cron, is_time_zone
from penstock.flows.compiler.forms import has_template
from penstock.flows.document import Mistake
from penstock.flows.model import Flow, Trigger

TRIGGER_LABEL: Final = "system.trigger"
"""The label of a run that a trigger has started: the trigger's id."""

_NOT_OF_ID: Final = re.compile(r"[^A-Za-z0-9_-]")


def triggers_of(flow: Flow, name: str, mistakes: list[Mistake]) -> Iterator[Command]:
    """The commands that set the triggers of a flow up."""
    for trigger in flow.triggers:
        if trigger.type == "schedule":
            yield _schedule(trigger, name, mistakes)
        else:
            message = f"a trigger of type {trigger.type} is not there yet"
            mistakes.append(Mistake(trigger.places.get("type", trigger.mark), message))


def _schedule(trigger: Trigger, name: str, mistakes: list[Mistake]) -> ScheduleWf:
    given = trigger.given
    cron, time_zone = given.get("cron", ""), given.get("timezone", "UTC")

    def wrong(key: str, message: str) -> None:
        mistakes.append(Mistake(trigger.places.get(key, trigger.mark), message))

    try:
        check_cron(cron)
    except CronProblem as problem:
        wrong("cron", f"cron {cron!r}: {problem}")
    if not is_time_zone(time_zone):
        wrong("timezone", f"timezone {time_zone!r} is none, as Europe/Paris is")
    if has_template(given.get("inputs")):
        wrong("inputs", "inputs of a schedule are values, and no templates")
    return ScheduleWf(
        name,
        cron,
        schedule_id(name, trigger.id),
        variables=given.get("inputs") or {},
        labels={TRIGGER_LABEL: trigger.id},
        time_zone=time_zone,
    )


def schedule_id(name: str, trigger: str) -> str:
    """The schedule of a flow's trigger; other names, other ids."""
    mark = blake2b(f"{name}\0{trigger}".encode(), digest_size=4).hexdigest()
    return f"{_NOT_OF_ID.sub('-', f'{name}-{trigger}')[:54]}-{mark}"
