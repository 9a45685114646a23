"""Controls: small builders of valid inputs, to be varied in one thing by a test."""

from __future__ import annotations

from typing import Any

from penstock.core.commands.put_struct_def import PutStructDef
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.put_user_task_def import PutUserTaskDef
from penstock.core.definitions.defs import InputVar
from penstock.core.definitions.user_task_def import FieldType, UserTaskField

Json = dict[str, Any]


def variable(name: str, path: str | None = None) -> Json:
    """The value of a variable."""
    return {"from": "VARIABLE", "name": name} | ({} if path is None else {"path": path})


def output_of(node: str, path: str | None = None) -> Json:
    """The output of a node."""
    return {"from": "NODE_OUTPUT", "node": node} | ({} if path is None else {"path": path})


def literal(value: Any) -> Json:
    """A value that stands in the spec."""
    return {"from": "VALUE", "value": value}


def compare(left: Json, comparator: str, right: Json) -> Json:
    """A condition."""
    return {"from": "COMPARISON", "left": left, "comparator": comparator, "right": right}


def edge(to: str, condition: Json | None = None, **mutations: Json) -> Json:
    """An edge, with the variables it changes."""
    made: Json = {"to": to}
    if condition is not None:
        made["condition"] = condition
    if mutations:
        made["mutations"] = [{"variable": name, "value": at} for name, at in mutations.items()]
    return made


def task(task_def: str, *edges: Json, **settings: Any) -> Json:
    """A TASK node."""
    return {"type": "TASK", "task_def": task_def, "edges": list(edges), **settings}


def dynamic_task(name: Json, *edges: Json, **settings: Any) -> Json:
    """A TASK node whose TaskDef the run names."""
    return {"type": "TASK", "dynamic_task": name, "edges": list(edges), **settings}


def event(event_def: str, *edges: Json, **settings: Any) -> Json:
    """An EXTERNAL_EVENT node."""
    return {"type": "EXTERNAL_EVENT", "event_def": event_def, "edges": list(edges), **settings}


def event_with_key(event_def: str, key: Json, *edges: Json, **settings: Any) -> Json:
    """An EXTERNAL_EVENT node that waits under a key."""
    return event(event_def, *edges, correlation_key=key, **settings)


def throws_event(workflow_event_def: str, content: Json | None = None) -> Json:
    """A THROW_EVENT node."""
    made = {"type": "THROW_EVENT", "workflow_event_def": workflow_event_def}
    return made | ({} if content is None else {"content": content})


def ends(returns: Json | None = None) -> Json:
    """An EXIT node."""
    return {"type": "EXIT"} | ({} if returns is None else {"returns": returns})


def spec(first: str, nodes: Json, *variables: Json) -> Json:
    """A spec of one thread, whose ENTRYPOINT leads to `first`."""
    begin = {"0-entrypoint": {"type": "ENTRYPOINT", "edges": [edge(first)]}}
    thread: Json = {"nodes": begin | nodes}
    if variables:
        thread["variables"] = list(variables)
    return {"entrypoint": "main", "threads": {"main": thread}}


def nop(*edges: Json) -> Json:
    """A NOP node."""
    return {"type": "NOP", "edges": list(edges)}


def starts(thread: str, **variables: Json) -> Json:
    """A START_THREAD node."""
    return {"type": "START_THREAD", "thread": thread, "variables": variables}


def starts_each(thread: str, iterable: Json, **variables: Json) -> Json:
    """A START_MULTIPLE_THREADS node."""
    made = {"type": "START_MULTIPLE_THREADS", "thread": thread, "iterable": iterable}
    return made | {"variables": variables}


def waits_for(*threads: Json, **settings: Any) -> Json:
    """A WAIT_FOR_THREADS node."""
    return {"type": "WAIT_FOR_THREADS", "threads": list(threads), **settings}


def runs(*threads: str, **settings: Any) -> Json:
    """A RUN_THREADS node that runs each thread once."""
    return {"type": "RUN_THREADS", "threads": list(threads), **settings}


def runs_each(thread: str, values: Json, **settings: Any) -> Json:
    """A RUN_THREADS node that runs a thread for each value."""
    return runs(thread, values=values, **settings)


def sleeps(seconds: float | None = None, until: Json | None = None) -> Json:
    """A SLEEP node."""
    given = {"seconds": None if seconds is None else literal(seconds), "until": until}
    return {"type": "SLEEP"} | {name: part for name, part in given.items() if part is not None}


def holds(condition: Json) -> Json:
    """A WAIT_FOR_CONDITION node."""
    return {"type": "WAIT_FOR_CONDITION", "condition": condition}


def throws(name: str, message: str = "", content: Json | None = None) -> Json:
    """An EXIT node that throws."""
    thrown = {"name": name, "message": message}
    return {"type": "EXIT", "throws": thrown | ({} if content is None else {"content": content})}


def handled(node: Json, *handlers: tuple[str, str | None]) -> Json:
    """The node with handlers: (thread, failure or None for any)."""
    made = [{"thread": thread} | ({"failure": of} if of else {}) for thread, of in handlers]
    return node | {"handlers": made}


def threads(main: Json, **others: Json) -> Json:
    """A spec of several threads, each made by `chain` or `spec`."""
    more = {name: other["threads"]["main"] for name, other in others.items()}
    return {"entrypoint": "main", "threads": main["threads"] | more}


def only_started(spec: Json) -> Json:
    """The spec without the threads that nothing starts, which would be refused."""
    made, kept, pending = spec["threads"], {"main"}, ["main"]
    while pending:
        thread = made[pending.pop()]
        named = list(thread.get("interrupts", {}).values())
        for node in thread["nodes"].values():
            handlers = [*node.get("handlers", ()), *node.get("thread_handlers", ())]
            named += [one["thread"] for one in (node, *handlers) if "thread" in one]
            named += [name for name in node.get("threads", ()) if isinstance(name, str)]
        pending += [name for name in dict.fromkeys(named) if name not in kept]
        kept.update(named)
    return spec | {"threads": {name: thread for name, thread in made.items() if name in kept}}


def interrupted(spec: Json, **handlers: str) -> Json:
    """The spec with interrupts of its main thread: event def -> handler thread."""
    main = spec["threads"]["main"] | {"interrupts": handlers}
    return spec | {"threads": spec["threads"] | {"main": main}}


def chain(*nodes: Json, returns: Json | None = None, variables: tuple[Json, ...] = ()) -> Json:
    """A spec of nodes `n1`, `n2`, ... one after the other, then an EXIT."""
    names = [f"n{number}" for number in range(1, len(nodes) + 1)] + ["exit"]
    made = {
        name: node | {"edges": [edge(after)]}
        for name, node, after in zip(names, nodes, names[1:], strict=False)
    }
    return spec(names[0], made | {"exit": ends(returns)}, *variables)


def declared(name: str, kind: str, **settings: Any) -> Json:
    """A variable's declaration."""
    return {"name": name, "type": kind, **settings}


def user_task(user_task_def: str, *, user: str = "", group: str = "", **settings: Any) -> Json:
    """A USER_TASK node for a user, a group, or both."""
    made: Json = {"type": "USER_TASK", "user_task_def": user_task_def, **settings}
    if user:
        made["user_id"] = literal(user)
    if group:
        made["user_group"] = literal(group)
    return made


def reminds(task_def: str, after_seconds: Any, *, hook: str = "ON_ARRIVAL", **inputs: Json) -> Json:
    """An action that hands out a task."""
    body = {"task": {"task_def": task_def, "inputs": inputs}}
    return {"hook": hook, "delay_seconds": after_seconds, "action": body}


def reassigns(
    after_seconds: Any, *, hook: str = "ON_TASK_ASSIGNED", user: str = "", group: str = ""
) -> Json:
    """An action that gives the user task to somebody else."""
    to = {"user_id": user, "user_group": group}
    body = {"reassign": {name: literal(text) for name, text in to.items() if text}}
    return {"hook": hook, "delay_seconds": after_seconds, "action": body}


def cancels(after_seconds: Any, *, hook: str = "ON_ARRIVAL") -> Json:
    """An action that cancels the user task."""
    return {"hook": hook, "delay_seconds": after_seconds, "action": {"cancel": {}}}


def a_form(name: str, /, *optional: str, **fields: str) -> PutUserTaskDef:
    """A UserTaskDef with these fields, by type; those named in `optional` may be left out."""
    made = tuple(
        UserTaskField(of, FieldType(kind), required=of not in optional)
        for of, kind in fields.items()
    )
    return PutUserTaskDef(name=name, fields=made)


def a_task_def(
    name: str, /, returns: str | None = None, *, idempotent: bool = True, **inputs: str
) -> PutTaskDef:
    """A TaskDef with these inputs."""
    variables = tuple(InputVar(of, kind) for of, kind in inputs.items())
    return PutTaskDef(name=name, input_vars=variables, return_type=returns, idempotent=idempotent)


def a_struct_def(name: str, *fields: Json) -> PutStructDef:
    """A StructDef with these fields."""
    return PutStructDef(name=name, fields=list(fields))


def operate(left: Json, operation: str, right: Json) -> Json:
    """What an operation makes of two values."""
    return {"from": "OPERATION", "left": left, "operation": operation, "right": right}


def negated(value: Json) -> Json:
    """The other BOOL."""
    return {"from": "NOT", "value": value}


def size_of(value: Json) -> Json:
    """How many parts a value has."""
    return {"from": "SIZE_OF", "value": value}


def cast(kind: str, value: Json) -> Json:
    """A value as another type."""
    return {"from": "CAST", "type": kind, "value": value}


def formats(template: str, *args: Json) -> Json:
    """A format string."""
    return {"from": "FORMAT", "template": template, "args": list(args)}


def template(template: Any, gives: str | None = None) -> Json:
    """What a template makes of the names of its place."""
    made: Json = {"from": "TEMPLATE", "template": template}
    return made | ({} if gives is None else {"as": gives})


def published(node: Json) -> Json:
    """The node, with its output for the whole run to see."""
    return node | {"publish": True}


def a_struct(struct: str, /, **fields: Json) -> Json:
    """A struct, made of its fields."""
    return {"from": "STRUCT", "struct": struct, "fields": fields}


def now() -> Json:
    """The log's time."""
    return {"from": "NOW"}


def uuid() -> Json:
    """A derived UUID."""
    return {"from": "UUID"}


def secret(name: str) -> Json:
    """A secret of the worker's."""
    return {"from": "SECRET", "name": name}


def mutation(name: str, operation: str, value: Json, path: str | None = None) -> Json:
    """A mutation of a variable."""
    made = {"variable": name, "operation": operation, "value": value}
    return made | ({} if path is None else {"path": path})


def changing(to: str, *mutations: Json) -> Json:
    """An edge with these mutations, in this order."""
    return {"to": to, "mutations": list(mutations)}


def only_if(condition: Json, node: Json) -> Json:
    """The node, passed by if the condition does not hold."""
    return node | {"run_if": condition}


def may_fail(node: Json) -> Json:
    """The node, whose failure is a warning."""
    return node | {"allow_failure": True}


def silent(node: Json) -> Json:
    """The node, of which no warning is made."""
    return node | {"allow_warning": True}
