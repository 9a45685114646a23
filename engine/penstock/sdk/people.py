"""Forms, and the step in which a person fills one in."""

from __future__ import annotations

from typing import Any

from penstock.core.commands.put_user_task_def import PutUserTaskDef
from penstock.core.definitions.nodes import UserTaskNode
from penstock.core.definitions.user_task_def import UserTaskField
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueType
from penstock.sdk import hints
from penstock.sdk.proxy import fault
from penstock.sdk.trace import checked_name, thread_here


class Form:
    """A form that people fill in: `Form("approve", agreed=bool, note=str | None)`. A field whose
    hint allows None may be left out.

    >>> Form("approve", agreed=bool, note=str | None)
    <form approve>
    """

    def __init__(self, name: str, /, *, description: str = "", **fields: Any) -> None:
        made: list[UserTaskField] = []
        for field, hint in fields.items():
            try:
                kind: Any = hints.type_of_hint(hint)
            except hints.UnsupportedHint as problem:
                fault(f"form {name!r}, field {field!r}: {problem}")
            made.append(UserTaskField(field, kind, required=not hints.allows_none(hint)))
        self.name = checked_name("form", name)
        self.definition = PutUserTaskDef(name=name, fields=tuple(made), description=description)

    def __repr__(self) -> str:
        return f"<form {self.name}>"


def user_task(
    form: Form, *, user: str | None = None, group: str | None = None, notes: str | None = None
) -> Any:
    """Have a person fill in a form: this user, or one of this group; what stands for the results,
    by the fields' names.

    >>> approve = Form("approve", agreed=bool, note=str | None)
    >>> @workflow
    ... def approving() -> bool:
    ...     return user_task(approve, user="bob")["agreed"]
    >>> engine.register(approving)
    >>> run = engine.run(approving)
    >>> [form] = run.user_tasks()
    >>> _ = engine.client.user_tasks.complete(form.id, "bob", {"agreed": True})
    >>> run.result()
    True
    """
    thread = thread_here("user_task")
    known = thread.trace.forms.setdefault(form.name, form.definition)
    if known != form.definition:
        fault(f"two forms have the name {form.name!r}")

    def given(value: str | None, what: str) -> Expression | None:
        what = f"{what} of {form.name!r}"
        return None if value is None else thread.expression(value, ValueType.STR, str, what)

    node = UserTaskNode(
        user_task_def=form.name,
        user_id=given(user, "user"),
        user_group=given(group, "group"),
        notes=given(notes, "notes"),
    )
    step = thread.add(form.name, node)
    return thread.output(step, ValueType.JSON_OBJ, hints.UNKNOWN)
