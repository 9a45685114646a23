"""Mistakes in what is named, given, declared and set; see faulty.py."""

from __future__ import annotations

from penstock.core.definitions.fault_kinds import FaultKind as Kind
from penstock.core.limits import JSON_INDEXES_MAX, USER_TASK_ACTIONS_MAX
from tests.controls import (
    cancels,
    chain,
    changing,
    compare,
    declared,
    edge,
    ends,
    event,
    formats,
    handled,
    literal,
    mutation,
    nop,
    only_if,
    operate,
    output_of,
    secret,
    sleeps,
    spec,
    starts,
    starts_each,
    task,
    template,
    threads,
    throws_event,
    user_task,
    variable,
    waits_for,
)
from tests.scenarios.faulty import Faulty, Json, at, with_variables, wrong

ASKS = user_task("form", user="ada")
V = declared("v", "INT")


def runs(wf_spec: str, **inputs: Json) -> Json:
    """A RUN_CHILD_WF node."""
    return {"type": "RUN_CHILD_WF", "wf_spec": wf_spec, "inputs": inputs}


def waiting_from(node: str) -> Json:
    """A spec that waits for a run, and says from where a restart is to go on."""
    wait = {"type": "WAIT_FOR_CHILD_WF", "wf_run_id": variable("of"), "restart_from": node}
    return chain(wait, nop(), variables=(declared("of", "WF_RUN_ID"),))


def typed(value: Json) -> Json:
    """A task that is given an INT."""
    return task("typed", inputs={"n": value})


def changes(*mutations: Json) -> Json:
    """A spec whose one edge does these."""
    return spec("a", {"a": nop(changing("exit", *mutations)), "exit": ends()}, V)


def backing_off(**backoff: float) -> Json:
    """A task with this backoff."""
    return chain(task("work", max_attempts=2, backoff=backoff))


def each(iterable: Json, input_type: str) -> Json:
    """Threads for the elements of an array."""
    taking = chain(variables=(declared("INPUT", input_type),))
    return threads(chain(task("lists"), starts_each("t", iterable)), t=taking)


def indexed(kind: str, *paths: str, of: str = "INT") -> Json:
    """A variable with json_indexes."""
    indexes = [{"path": path, "type": of} for path in paths]
    return with_variables(declared("a", kind, json_indexes=indexes))


def inherits(kind: str = "STR", name: str = "item", **settings: object) -> Json:
    """The declaration of a variable of the parent's."""
    return declared(name, kind, access="INHERITED_VAR", **settings)


BELOW = {"parent": "child"}

NAMED = (
    at("main/n1", Kind.TASK_DEF_UNKNOWN, chain(task("late")), "TaskDef 'late'"),
    at("main/n1", Kind.EXTERNAL_EVENT_DEF_UNKNOWN, chain(event("late")), "'late' is not"),
    at("main/n1", Kind.WORKFLOW_EVENT_DEF_UNKNOWN, chain(throws_event("late")), "'late' is not"),
    at("main/n1", Kind.USER_TASK_DEF_UNKNOWN, chain(user_task("late", user="a")), "'late' is not"),
    at("main", Kind.STRUCT_DEF_UNKNOWN, with_variables(declared("a", "STRUCT<late>")), "'late'"),
    at("main/n1", Kind.WF_SPEC_UNKNOWN, chain(runs("late")), "WfSpec 'late' is not registered"),
    at(
        "main/n1",
        Kind.WF_SPEC_UNKNOWN,
        chain({**runs("late"), "version": 7}),
        "WfSpec 'late' is not registered in version 7",
    ),
    wrong(Kind.PARENT_UNKNOWN, chain() | {"parent": "late"}, "the parent WfSpec 'late'"),
)

VALUES = (
    at("main/n1", Kind.TYPE_MISMATCH, chain(typed(literal("x"))), "input 'n': "),
    at("main/n1", Kind.TYPE_MISMATCH, chain(sleeps(until=literal(5))), "until: "),
    at("main/n1", Kind.TYPE_MISMATCH, chain(waits_for(literal("1"))), "neither the number"),
    at(
        "main/n1",
        Kind.TYPE_MISMATCH,
        threads(chain(starts_each("t", literal("x"))), t=chain()),
        "iterable is STR",
    ),
    at("main/exit", Kind.BAD_EXPRESSION, chain(returns=variable("v", "no path")), "with '$'"),
    at("main/n1", Kind.BAD_TEMPLATE, chain(typed(template("{{ x"))), "there is no }}"),
    at(
        "main/n1",
        Kind.BAD_TEMPLATE,
        chain(typed(template(["{{ 'a' ~ secret('key') }}"]))),
        "only a worker knows a secret",
    ),
    at("main/n1", Kind.TYPE_MISMATCH, chain(typed(template("{{ 1 }}", "TRUTH"))), "BOOL to INT"),
    at("main/n1", Kind.TYPE_MISMATCH, chain(only_if(literal(1), sleeps(1))), "run_if: "),
    at(
        "main/n1",
        Kind.OUTPUT_TOO_EARLY,
        chain(only_if(compare(output_of("n1"), "EQUALS", literal(1)), task("work"))),
        "no way leads from node 'n1' to here",
    ),
    at("main/a", Kind.BAD_MUTATION, changes(mutation("v", "ASSIGN", literal("x"))), "variable 'v'"),
    at(
        "main/a",
        Kind.DIVISION_BY_ZERO,
        changes(mutation("v", "DIVIDE", literal(0))),
        "mutation of 'v': it divides by 0",
    ),
    at(
        "main/n1",
        Kind.DIVISION_BY_ZERO,
        chain(typed(operate(literal(1), "DIVIDE", literal(0)))),
        "it divides by 0",
    ),
    at("main/n1", Kind.VARIABLE_UNKNOWN, chain(typed(variable("no"))), "no variable 'no'"),
    at("main/n1", Kind.VARIABLE_UNKNOWN, chain(typed(template("{{ no.a }}"))), "reads 'no', which"),
    at("main/a", Kind.VARIABLE_UNKNOWN, changes(mutation("no", "ASSIGN", literal(1))), "'no'"),
    at("main/n1", Kind.NODE_UNKNOWN, chain(typed(output_of("no"))), "there is no node 'no'"),
    at("main/n2", Kind.NO_OUTPUT, chain(nop(), typed(output_of("n1"))), "'n1' is a NOP"),
    at("main/exit", Kind.NO_OUTPUT, chain(sleeps(1), returns=output_of("n1")), "is a SLEEP"),
    at(
        "main/n1",
        Kind.OUTPUT_TOO_EARLY,
        chain(typed(output_of("n2")), task("work")),
        "no way leads from node 'n2' to here",
    ),
    at("main/n1", Kind.OUTPUT_TOO_EARLY, chain(typed(output_of("n1"))), "'n1' to here"),
    at(
        "main/a",
        Kind.OUTPUT_TOO_EARLY,
        spec(
            "a",
            {
                "a": nop(edge("b", compare(output_of("b"), "EQUALS", literal(1))), edge("exit")),
                "b": task("work", edge("exit")),
                "exit": ends(),
            },
        ),
        "condition of the edge to 'b': no way",
    ),
    at(
        "main/z",
        Kind.RETURN_TYPES_DIFFER,
        spec(
            "a",
            {
                "a": nop(edge("exit", compare(variable("v"), "EQUALS", literal(1))), edge("z")),
                "exit": ends(literal(1)),
                "z": ends(literal("x")),
            },
            V,
        ),
        "it returns STR, but 'exit' returns INT",
    ),
    at("main/n2", Kind.ELEMENT_TYPE, each(output_of("n1"), "INT"), "Cannot assign STR to INT"),
    at("main/n2", Kind.ELEMENT_TYPE, each(literal([1, "x"]), "INT"), "of thread 't'"),
)

GIVEN = (
    at("main/n1", Kind.TASK_INPUT_UNKNOWN, chain(task("work", inputs={"x": literal(1)})), "'x'"),
    at("main/n1", Kind.TASK_INPUT_MISSING, chain(task("typed")), "'n' of TaskDef 'typed' is not"),
    at(
        "main/n1",
        Kind.BAD_SECRET,
        chain(typed(secret("no name"))),
        "no name of a secret",
        besides=True,
    ),
    at(
        "main/n1",
        Kind.THREAD_INPUT_UNKNOWN,
        threads(chain(starts("t", x=literal(1))), t=chain()),
        "thread 't' has no variable 'x'",
    ),
    at(
        "main/n1",
        Kind.THREAD_INPUT_MISSING,
        threads(chain(starts("t")), t=chain(variables=(declared("x", "INT", required=True),))),
        "variable 'x' of thread 't' must be given",
    ),
    at(
        "main/n1",
        Kind.CHILD_INPUT_UNKNOWN,
        chain(runs("child", item=literal("a"), more=literal(1))),
        "has no input 'more'",
    ),
    at("main/n1", Kind.CHILD_INPUT_MISSING, chain(runs("child")), "input 'item' of WfSpec"),
    at("main/n1", Kind.CHILD_OF_ANOTHER, chain(runs("heir")), "inherits from 'child'"),
)

SETTINGS = (
    at("main/n1", Kind.TASK_CHOICE, chain({"type": "TASK"}), "either a task_def or"),
    at(
        "main/n1", Kind.RETRIES_DISAGREE, chain(task("work", max_attempts=2, retries=3)), "disagree"
    ),
    at(
        "main/n1",
        Kind.OUTPUT_UNTYPED,
        chain(task("work", output_required=True)),
        "has no return_type",
    ),
    at("main/n1", Kind.BAD_BACKOFF, backing_off(base_ms=0), "leave the backoff out"),
    at("main/n1", Kind.BAD_BACKOFF, backing_off(base_ms=1_000, max_ms=500), "from base_ms (1000)"),
    at("main/n1", Kind.BAD_BACKOFF, backing_off(base_ms=1, multiplier=0.5), "a multiplier from 1"),
    at("main/n1", Kind.BAD_BACKOFF, backing_off(base_ms=1, jitter=2), "a jitter from 0 to 1"),
    at("main/n1", Kind.SLEEP_CHOICE, chain({"type": "SLEEP"}), "either seconds or until"),
    at("main/n1", Kind.CHILD_CHOICE, chain({"type": "RUN_CHILD_WF"}), "either a wf_spec or"),
    at(
        "main/n1",
        Kind.CHILD_CHOICE,
        chain({**runs("late"), "version": 1, "major": 0}),
        "either a version or a major one",
    ),
    at("main/n1", Kind.BAD_RESTART, waiting_from("nowhere"), "restart_from names 'nowhere'"),
    at("main/n1", Kind.BAD_RESTART, waiting_from("0-entrypoint"), "not the ENTRYPOINT"),
    at("main/n1", Kind.BAD_RESTART, waiting_from("n2"), "from which a way leads here"),
    at(
        "main/exit",
        Kind.EXIT_CHOICE,
        spec("exit", {"exit": ends(literal(1)) | {"throws": {"name": "odd"}}}),
        "either returns or throws",
    ),
    at(
        "main/n1",
        Kind.ACTION_COUNT,
        chain(ASKS | {"actions": [cancels(1)] * (USER_TASK_ACTIONS_MAX + 1)}),
        "actions: a node may have",
    ),
    at(
        "main/n1",
        Kind.ACTION_CHOICE,
        chain(ASKS | {"actions": [{"hook": "ON_ARRIVAL", "action": {}}]}),
        "exactly one of",
    ),
    at("main/n1", Kind.BAD_DELAY, chain(ASKS | {"actions": [cancels(-1)]}), "delay_seconds -1.0"),
    at("main/n1", Kind.OWNER_MISSING, chain(user_task("form")), "give one of them"),
    at("main/n1", Kind.BAD_OWNER, chain(user_task("form", user=" ")), "can't be empty"),
)

VARIABLES = (
    at("main", Kind.VARIABLE_TWICE, with_variables(V, V), "declared twice"),
    at(
        "t",
        Kind.VARIABLE_TWICE,
        threads(chain(starts("t"), variables=(V,)), t=chain(variables=(V,))),
        "is declared in thread 'main', too",
    ),
    at("main", Kind.BAD_TYPE, with_variables(declared("a", "INTEGER")), "variable 'a': "),
    at("main", Kind.BAD_DEFAULT, with_variables(declared("a", "INT", default="x")), "default of"),
    at(
        "main",
        Kind.DEFAULT_OF_REQUIRED,
        with_variables(declared("a", "INT", default=1, required=True)),
        "take one of them away",
    ),
    at(
        "main",
        Kind.DEFAULT_OF_INHERITED,
        chain(variables=(inherits(default="x"),)) | BELOW,
        "it is",
    ),
    at("main", Kind.INHERITED_WITHOUT_PARENT, with_variables(inherits()), "names no parent"),
    at(
        "t",
        Kind.INHERITED_BELOW,
        threads(chain(starts("t")), t=chain(variables=(inherits(),))) | BELOW,
        "only the entrypoint's variables",
    ),
    at("main", Kind.INHERITED_UNKNOWN, chain(variables=(inherits(name="no"),)) | BELOW, "has none"),
    at(
        "main",
        Kind.INHERITED_TYPE,
        chain(variables=(inherits("INT"),)) | BELOW,
        "as INT, but is STR",
    ),
    at(
        "main",
        Kind.NOT_SEARCHABLE,
        with_variables(declared("a", "JSON_OBJ", searchable=True)),
        "use",
    ),
    at("main", Kind.NOT_INDEXABLE, indexed("INT", "$.a"), "use searchable"),
    at(
        "main",
        Kind.INDEX_COUNT,
        indexed("JSON_OBJ", *(f"$.a{number}" for number in range(JSON_INDEXES_MAX + 1))),
        f"it may have {JSON_INDEXES_MAX}",
    ),
    at(
        "main",
        Kind.INDEX_OF_INHERITED,
        chain(variables=(inherits(searchable=True),)) | BELOW,
        "where it is kept",
    ),
    at(
        "main",
        Kind.INDEX_OF_MASKED,
        with_variables(declared("a", "INT", searchable=True, masked=True)),
        "is masked",
    ),
    at(
        "",
        Kind.INHERITED_WITHOUT_PARENT,
        chain() | {"parent_major": 0},
        "parent_major names a major version",
    ),
    at("main", Kind.INDEX_TWICE, indexed("JSON_OBJ", "$.a", "$.a"), "twice"),
    at("main", Kind.BAD_INDEX, indexed("MAP<STR,INT>", "$.a", of="STR"), "leads to INT"),
    at("main", Kind.TYPE_FROZEN, with_variables(declared("kept", "STR")), "was INT in an earlier"),
)

LINES: tuple[Faulty, ...] = (*NAMED, *VALUES, *GIVEN, *SETTINGS, *VARIABLES)

ACCEPTED = (
    # what has been passed in an earlier round, or may be
    spec(
        "a",
        {
            "a": task("work", edge("b")),
            "b": nop(edge("a", compare(output_of("a"), "EQUALS", literal(1))), edge("exit")),
            "exit": ends(output_of("a")),
        },
    ),
    spec(
        "a",
        {
            "a": nop(edge("b", compare(variable("v"), "EQUALS", literal(1))), edge("exit")),
            "b": task("work", edge("a", v=output_of("b"))),
            "exit": ends(output_of("b")),
        },
        V,
    ),
    chain(handled(task("work")), returns=formats("{0}", output_of("n1"))),
    changes(mutation("v", "DIVIDE", variable("v"))),
    each(output_of("n1"), "STR"),
    each(literal([1, None]), "INT"),
    backing_off(base_ms=500, max_ms=500),
)
"""What comes near to these mistakes, and is none."""
