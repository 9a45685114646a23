"""What starts a flow by itself: as commands, or as starts of its spec."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, Final

from penstock.core.command import Command
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.definitions.run_starts import RunStart
from penstock.core.definitions.webhooks import TRIGGER, header_problem, key_hash, key_problem
from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.ids import is_definition_name, is_inner_name
from penstock.core.schedules.cron_syntax import CronProblem, check_cron, is_time_zone
from penstock.core.state.start_rows import EndState
from penstock.core.values.forms import Cast, Expression, Template, VariableRef
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import coerce
from penstock.flows.compiler import forms
from penstock.flows.compiler.forms import has_template
from penstock.flows.compiler.inputs import private, variable_of
from penstock.flows.document import Mistake
from penstock.flows.model import Flow, FlowInput, Trigger, Watched

TRIGGER_LABEL: Final = "system.trigger"
"""The label of a run that a trigger has started: the trigger's id."""
CASTABLE: Final = ("INT", "DOUBLE", "BOOL", "TIMESTAMP")

ENDS: Final[dict[str, tuple[EndState, ...]]] = {
    "SUCCESS": (EndState.COMPLETED,),
    "WARNING": (EndState.WARNED,),
    "FAILED": (EndState.ERROR, EndState.EXCEPTION, EndState.LIMIT_FAIL),
    "KILLED": (EndState.KILLED,),
    "CANCELLED": (EndState.LIMIT_CANCEL,),
    "RETRIED": (EndState.SUPERSEDED,),
}
"""The states of flows, in the engine's words."""

_STATE: Final = " : ".join(
    f"state == '{end}' ? '{state}'" for state, ends in ENDS.items() for end in ends
)
_TOLD: Final[dict[str, Any]] = {
    "executionId": "{{ wf_run_id }}",
    "namespace": "{{ namespace }}",
    "flowId": "{{ name }}",
    "flowRevision": "{{ version }}",
    "state": f"{{{{ {_STATE} : state }}}}",
    "outputs": "{{ output }}",
}
"""What a run is told of the end that has started it."""

_NOT_OF_ID: Final = re.compile(r"[^A-Za-z0-9_-]")


def triggers_of(flow: Flow, name: str, mistakes: list[Mistake]) -> Iterator[Command]:
    """The commands that set the triggers of a flow up."""
    for trigger in flow.triggers:
        if trigger.type == "schedule":
            yield _schedule(trigger, name, mistakes)
        elif trigger.type == "webhook":
            yield _webhook(flow, trigger, name, mistakes)


def trigger_variables(flow: Flow) -> list[VariableDef]:
    """What a run keeps of what has started it, if the flow has triggers: null, if it was started
    otherwise.
    """
    return [private(TRIGGER, "JSON_OBJ")] if flow.tells else []


def starts_of(flow: Flow, name: str, mistakes: list[Mistake]) -> tuple[RunStart, ...]:
    """The triggers that wait for ends of other flows."""
    return tuple(
        _start(flow, trigger, trigger.watched, name, mistakes)
        for trigger in flow.triggers
        if trigger.watched is not None
    )


def _start(
    flow: Flow, trigger: Trigger, watched: Watched, name: str, mistakes: list[Mistake]
) -> RunStart:
    def wrong(key: str, message: str) -> None:
        mistakes.append(Mistake(trigger.places.get(key, trigger.mark), message))

    other = None if watched.flow_id is None else f"{watched.namespace}.{watched.flow_id}"
    if other == name:
        wrong("flowId", "a flow that its own end starts would run for ever: name another one")
    for kind, text in ((other, other), (watched.namespace, watched.namespace)):
        if kind is not None and not is_definition_name(text or ""):
            wrong("namespace", f"there can be no flow, or namespace, of the name {text!r}")
            break
    if not is_inner_name(trigger.id):
        wrong("id", f"id {trigger.id[:60]!r}: use letters, digits, '.', '_', '-'")
    given: dict[str, Any] = trigger.given.get("inputs") or {}
    known = {one.id: one for one in flow.inputs}
    inputs: dict[str, Expression] = {TRIGGER: VariableRef(TRIGGER)}
    for key, value in given.items():
        if key not in known:
            wrong(f"inputs.{key}", f"the flow has no input {key!r}")
            continue
        inputs[key] = _input(known[key], value, lambda said, at=key: wrong(f"inputs.{at}", said))
    for one in flow.inputs:
        if one.id not in given and one.required and one.defaults is None:
            wrong("inputs", f"the trigger does not give input {one.id!r}, which is required")
    return RunStart(
        trigger.id,
        wf_spec=other,
        namespace=watched.namespace if other is None else None,
        below=watched.below,
        states=tuple(end for state in watched.states for end in ENDS[state]),
        having=watched.labels,
        named={TRIGGER: Template({"id": trigger.id, "type": trigger.type} | _TOLD)},
        inputs=inputs,
        labels={TRIGGER_LABEL: trigger.id},
    )


def _input(given: FlowInput, value: Any, wrong: Callable[[str], None]) -> Expression:
    """An input: of a type that is text, text is made of whatever it is."""
    kind = variable_of(given, []).type
    if kind == "STR":
        return forms.text(value if isinstance(value, str) else json.dumps(value))
    made = forms.value(value)
    if has_template(value):
        return Cast(kind, made) if kind in CASTABLE else made
    try:
        coerce(value, kind)
    except ValueProblem as problem:
        wrong(f"input {given.id!r} is no {given.type}: {problem}")
    return made


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
        trigger=trigger.id,
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
