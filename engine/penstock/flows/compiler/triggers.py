"""What starts a flow by itself, as commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

from penstock.core.command import Command
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.definitions.webhooks import TRIGGER, header_problem, key_hash, key_problem
from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.ids import is_definition_name
from penstock.core.schedules.cron_syntax import CronProblem, check_cron, is_time_zone
from penstock.flows.compiler.forms import has_template
from penstock.flows.compiler.inputs import private
from penstock.flows.document import Mistake
from penstock.flows.model import Flow, Trigger

TRIGGER_LABEL: Final = "system.trigger"
"""The label of a run that a trigger has started: the trigger's id."""

_TELLING: Final = frozenset({"webhook"})
"""Types of triggers that tell the run what has happened."""

_NOT_OF_ID: Final = re.compile(r"[^A-Za-z0-9_-]")


def triggers_of(flow: Flow, name: str, mistakes: list[Mistake]) -> Iterator[Command]:
    """The commands that set the triggers of a flow up."""
    for trigger in flow.triggers:
        if trigger.type == "schedule":
            yield _schedule(trigger, name, mistakes)
        elif trigger.type == "webhook":
            yield _webhook(flow, trigger, name, mistakes)
        else:
            message = f"a trigger of type {trigger.type} is not there yet"
            mistakes.append(Mistake(trigger.places.get("type", trigger.mark), message))


def trigger_variables(flow: Flow) -> list[VariableDef]:
    """What a run keeps of what has started it, if some trigger of the flow tells: null, if it was
    started otherwise.
    """
    told = any(trigger.type in _TELLING for trigger in flow.triggers)
    return [private(TRIGGER, "JSON_OBJ")] if told else []


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


def _webhook(flow: Flow, trigger: Trigger, name: str, mistakes: list[Mistake]) -> PutWebhook:
    given = trigger.given
    key, headers = given.get("key", ""), given.get("headers", ())
    inputs: dict[str, Any] = given.get("inputs") or {}

    def wrong(at: str, message: str | None) -> None:
        if message is not None:
            mistakes.append(Mistake(trigger.places.get(at, trigger.mark), message))

    webhook = webhook_name(name, trigger.id)
    if "." in trigger.id or not is_definition_name(webhook):
        wrong("id", f"{trigger.id[:60]!r} stands in an address: use letters, digits, '_' and '-'")
    wrong("key", key_problem(key))
    for header in headers:
        wrong("headers", header_problem(header))
    known = {one.id: one for one in flow.inputs}
    for unknown in sorted(inputs.keys() - known.keys()):
        wrong("inputs", f"the flow has no input {unknown[:60]!r}")
    for one in flow.inputs:
        if one.required and one.defaults is None and one.id not in inputs:
            wrong("inputs", f"input {one.id!r} is required: say what of the request it is")
    return PutWebhook(
        webhook,
        name,
        key_hash(webhook, key),
        inputs=inputs,
        headers=headers,
        labels={TRIGGER_LABEL: trigger.id},
        trigger=trigger.id,
    )


def webhook_name(name: str, trigger: str) -> str:
    """The webhook of a flow's trigger. No id of a flow or a trigger has a dot: other names."""
    return f"{name}.{trigger}"


def schedule_id(name: str, trigger: str) -> str:
    """The schedule of a flow's trigger; other names, other ids."""
    mark = blake2b(f"{name}\0{trigger}".encode(), digest_size=4).hexdigest()
    return f"{_NOT_OF_ID.sub('-', f'{name}-{trigger}')[:54]}-{mark}"
