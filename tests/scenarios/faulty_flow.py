"""Mistakes of form, in the flow of control, and of handlers; see faulty.py."""

from __future__ import annotations

from itertools import pairwise

from penstock.core.definitions.fault_kinds import FaultKind as Kind
from penstock.core.limits import (
    EDGES_PER_NODE_MAX,
    HANDLERS_PER_NODE_MAX,
    LABELS_MAX,
    MUTATIONS_PER_EDGE_MAX,
    SPEC_NODES_MAX,
    SPEC_VARIABLES_MAX,
    THREAD_DEPTH_MAX,
)
from tests.controls import (
    chain,
    changing,
    compare,
    declared,
    edge,
    ends,
    event,
    event_with_key,
    handled,
    interrupted,
    literal,
    may_fail,
    mutation,
    nop,
    only_if,
    output_of,
    silent,
    sleeps,
    spec,
    starts,
    starts_each,
    task,
    threads,
    throws,
    user_task,
    variable,
    waits_for,
)
from tests.scenarios.faulty import Faulty, Json, at, with_variables, wrong

WORK = task("work")
MAYBE = compare(variable("v"), "EQUALS", literal(1))
V = declared("v", "INT")
AGAIN = starts("t") | {"edges": [edge("exit")]}
ALWAYS = compare(literal(1), "LESS_THAN", literal(2))
NEVER = compare(literal(1), "EQUALS", literal(2))


def handling(node: Json, *failures: str | None) -> Json:
    """A spec whose node has handlers of these failures, all the same thread."""
    return threads(chain(handled(node, *(("mend", one) for one in failures))), mend=chain())


def looping(*edges: Json) -> Json:
    """A node that leads back to itself."""
    return spec("a", {"a": nop(*edges), "exit": ends()}, V)


def deep(levels: int) -> Json:
    """Threads that each start the next."""
    names = [f"t{number}" for number in range(levels)]
    below = {name: chain(starts(after)) for name, after in pairwise(names)}
    return threads(chain(starts("t0")), **below, **{names[-1]: chain()})


def keyed(**keys: Json) -> Json:
    """A spec whose main thread is interrupted by `keyed`, with these keys."""
    made = interrupted(threads(chain(event("go")), mend=chain()), keyed="mend")
    made["threads"]["main"]["interrupt_keys"] = keys
    return made


FORM = (
    wrong(Kind.BAD_FORM, {}, "$: 'entrypoint' is missing"),
    wrong(Kind.BAD_FORM, 2**63, "the spec has not the right form"),
    at("main", Kind.BAD_NAME, with_variables(declared("a b", "INT")), "'a b' is no name"),
    wrong(Kind.BAD_NAMESPACE, chain() | {"namespace": "a..b"}, "namespace 'a..b' is none"),
    wrong(Kind.NAME_OUTSIDE_NAMESPACE, chain() | {"namespace": "a"}, "begins with 'a.'"),
    wrong(Kind.BAD_LABELS, chain() | {"labels": {"": "x"}}, "a label needs a name"),
    wrong(
        Kind.BAD_LABELS,
        chain() | {"labels": {str(number): "" for number in range(LABELS_MAX + 1)}},
        f"a run may have {LABELS_MAX}",
    ),
    wrong(Kind.THREAD_COUNT, {"entrypoint": "main", "threads": {}}, "0 threads"),
    wrong(
        Kind.NODE_COUNT,
        spec("exit", {"exit": ends()} | {f"n{n}": nop() for n in range(SPEC_NODES_MAX)}),
        f"a spec may have {SPEC_NODES_MAX}",
    ),
    wrong(
        Kind.VARIABLE_COUNT,
        with_variables(*(declared(f"v{n}", "INT") for n in range(SPEC_VARIABLES_MAX + 1))),
        f"a spec may have {SPEC_VARIABLES_MAX}",
    ),
    at(
        "main/a",
        Kind.EDGE_COUNT,
        looping(*[edge("exit", MAYBE)] * (EDGES_PER_NODE_MAX + 1)),
        f"a node may have {EDGES_PER_NODE_MAX}",
    ),
    at(
        "main/a",
        Kind.MUTATION_COUNT,
        looping(
            changing("exit", *[mutation("v", "ADD", literal(1))] * (MUTATIONS_PER_EDGE_MAX + 1))
        ),
        f"an edge may have {MUTATIONS_PER_EDGE_MAX}",
    ),
    at(
        "main/n1",
        Kind.HANDLER_COUNT,
        handling(WORK, *(f"e{number}" for number in range(HANDLERS_PER_NODE_MAX + 1))),
        f"a node may have {HANDLERS_PER_NODE_MAX}",
    ),
)

FLOW = (
    wrong(
        Kind.ENTRYPOINT_UNKNOWN,
        {"entrypoint": "other", "threads": chain()["threads"]},
        "entrypoint thread 'other'",
    ),
    wrong(
        Kind.ENTRYPOINT_UNKNOWN,
        {"entrypoint": "other", "threads": chain()["threads"], "parent": "child"},
        "is not among the threads",
    ),
    at(
        "main",
        Kind.ENTRYPOINT_RETENTION,
        {
            "entrypoint": "main",
            "threads": {"main": chain()["threads"]["main"] | {"retention": {}}},
        },
        "move its retention to the spec",
    ),
    at(
        "main/n1", Kind.ENTRYPOINT_STARTED, chain(starts("main")), "only a run starts", besides=True
    ),
    at(
        "main",
        Kind.ENTRYPOINT_NODE_COUNT,
        {"entrypoint": "main", "threads": {"main": {"nodes": {"exit": ends()}}}},
        "0 ENTRYPOINT nodes",
    ),
    at("main", Kind.EXIT_MISSING, spec("a", {"a": task("work", edge("a"))}), "no EXIT node"),
    at(
        "main/exit",
        Kind.EXIT_EDGES,
        spec("exit", {"exit": ends() | {"edges": [edge("exit")]}}),
        "an EXIT has no edges",
    ),
    at("main/a", Kind.EDGE_MISSING, spec("a", {"a": WORK, "exit": ends()}), "no edge leads on"),
    at("main/a", Kind.EDGE_TO_NOWHERE, looping(edge("nowhere")), "leads to 'nowhere'"),
    at(
        "main/a",
        Kind.EDGE_NEVER_TAKEN,
        looping(edge("exit"), edge("a", MAYBE)),
        "the edge to 'a' stands behind one without a condition",
    ),
    at(
        "main/lost",
        Kind.NODE_UNREACHABLE,
        spec("exit", {"exit": ends(), "lost": task("work", edge("exit"))}),
        "can not be reached",
    ),
    at("main/a", Kind.ENDLESS_LOOP, looping(edge("exit", NEVER), edge("a")), "that can be false"),
    at("main/a", Kind.ENDLESS_LOOP, looping(edge("a", ALWAYS), edge("exit")), "neither a wait"),
    at(
        "main/a",
        Kind.ENDLESS_LOOP,
        spec("a", {"a": only_if(MAYBE, task("work", edge("a"))), "exit": ends()}, V),
        "neither a wait",
        besides=True,  # the EXIT is not come to
    ),
    at(
        "main/exit",
        Kind.SETTING_AT_ENDS,
        spec("exit", {"exit": only_if(literal(True), ends())}),
        "run_if is for nodes between ENTRYPOINT and EXIT",
    ),
    at(
        "main/exit",
        Kind.SETTING_AT_ENDS,
        spec("exit", {"exit": may_fail(ends())}),
        "allow_failure is for nodes between",
    ),
    at(
        "main/exit",
        Kind.SETTING_AT_ENDS,
        spec("exit", {"exit": silent(ends())}),
        "allow_warning is for nodes between",
    ),
    at(
        "t/n1",
        Kind.ENDLESS_THREADS,
        threads(chain(starts("t"), sleeps(1)), t=chain(starts("t"), sleeps(1))),
        "thread 't' comes here on every way",
    ),
    at(
        "t/n1",
        Kind.ENDLESS_THREADS,
        threads(chain(starts("t")), t=chain(starts("u")), u=chain(nop(), starts("t"))),
        "starts itself for ever",
        besides=True,  # it is a mistake of both
    ),
    at(
        "main/n1",
        Kind.ENDLESS_CHILD_RUNS,
        chain({"type": "RUN_CHILD_WF", "wf_spec": "faulty"}),
        "runs itself for ever",
    ),
    at(
        "main/n1",
        Kind.ENDLESS_CHILD_RUNS,
        threads(chain(starts("t")), t=chain({"type": "RUN_CHILD_WF", "wf_spec": "faulty"})),
        "put a condition before",
    ),
    at("main/n1", Kind.THREAD_UNKNOWN, chain(starts("nobody")), "there is no thread 'nobody'"),
    at(
        "idle",
        Kind.THREAD_NOT_STARTED,
        threads(chain(), idle=chain()),
        "nothing that the entrypoint leads to starts it",
    ),
    at(
        f"t{THREAD_DEPTH_MAX}",
        Kind.THREAD_TOO_DEEP,
        deep(THREAD_DEPTH_MAX + 1),
        "threads below the entrypoint",
    ),
)

HANDLERS = (
    at("main/exit", Kind.BAD_FAILURE_NAME, spec("exit", {"exit": throws("a b")}), "is no name"),
    at(
        "main/n1",
        Kind.BAD_FAILURE_NAME,
        chain(user_task("form", user="ada", on_cancellation_exception_name="TIMEOUT")),
        "is no name for an exception",
    ),
    at(
        "main/exit",
        Kind.RESERVED_FAILURE_NAME,
        spec("exit", {"exit": throws("KILLED")}),
        "operators and the engine",
    ),
    at(
        "main/exit",
        Kind.HANDLER_AT_END,
        threads(spec("exit", {"exit": handled(ends(), ("mend", None))}), mend=chain()),
        "no way leads on from here",
    ),
    at("main/n1", Kind.HANDLER_OF_NOTHING, handling(WORK, "KILLED"), "is 'KILLED'"),
    at("main/n1", Kind.HANDLER_OF_NOTHING, handling(WORK, "out of stock"), "by its name"),
    at("main/n1", Kind.HANDLER_OF_NOTHING, handling(sleeps(1), "TIME_OUT"), "no exceptions of"),
    at("main/n1", Kind.HANDLER_OF_NOTHING, handling(event("go"), "EXCEPTION"), "EXTERNAL_EVENT"),
    at(
        "main/n1",
        Kind.HANDLER_OF_NOTHING,
        handling(user_task("form", user="ada", on_cancellation_exception_name="gone"), "lost"),
        "or the exception gone",
    ),
    at("main/n1", Kind.HANDLER_NEVER_REACHED, handling(WORK, None, "odd"), "handler 2, of 'odd'"),
    at("main/n1", Kind.HANDLER_NEVER_REACHED, handling(WORK, "odd", "odd"), "handler 2, of 'odd'"),
    at("main/n1", Kind.HANDLER_NEVER_REACHED, handling(WORK, "ERROR", "VAR_ERROR"), "handler 2"),
    at(
        "main/n1",
        Kind.HANDLER_NEVER_REACHED,
        handling(WORK, "EXCEPTION", "ERROR", None),
        "handler 3, of any failure, is never reached",
    ),
    at(
        "main/n1",
        Kind.HANDLER_NEVER_REACHED,
        handling(WORK, "TIMEOUT", "TASK_FAILURE", "TASK_ERROR"),
        "handler 3, of 'TASK_ERROR'",
    ),
    at(
        "main/n1",
        Kind.HANDLER_NEVER_REACHED,
        threads(
            chain(waits_for(literal(1), thread_handlers=[{"thread": "mend"}] * 2)), mend=chain()
        ),
        "handler 2, of any failure",
    ),
    at(
        "b",
        Kind.INTERRUPT_TWICE,
        interrupted(
            threads(
                chain(starts("b")), b=interrupted(chain(event("keyed")), go="mend"), mend=chain()
            ),
            go="mend",
        ),
        "'go' interrupts another thread, too",
        besides=True,  # it is said of both
    ),
    at(
        "main",
        Kind.INTERRUPT_WAITED_FOR,
        interrupted(threads(chain(event("go")), mend=chain()), go="mend"),
        "no node can wait for it",
    ),
    at(
        "main",
        Kind.INTERRUPT_INPUT_TYPE,
        interrupted(
            threads(chain(event("go")), mend=chain(variables=(declared("INPUT", "INT"),))),
            told="mend",
        ),
        "'told' brings JSON_OBJ, which variable 'INPUT' of thread 'mend' (INT) can not be given",
    ),
    at("main", Kind.KEY_WITHOUT_INTERRUPT, keyed(go=literal("k")), "'go' has a key", besides=True),
    at("main", Kind.OUTPUT_TOO_EARLY, keyed(keyed=output_of("n1")), "no node has an output when"),
    at(
        "main/n1",
        Kind.EVENT_NOT_CORRELATED,
        chain(event_with_key("go", literal("k"))),
        "has no `correlation`",
    ),
    at(
        "main/n1",
        Kind.BAD_CORRELATION_KEY,
        chain(event_with_key("keyed", literal("a/b"))),
        "no '/'",
    ),
)

LINES: tuple[Faulty, ...] = (*FORM, *FLOW, *HANDLERS)

ACCEPTED = (
    # a choice that only looks endless, or a name that a user may have given
    looping(edge("a", MAYBE), edge("exit")),
    looping(edge("a", NEVER), edge("exit")),
    spec("a", {"a": task("work", edge("a", ALWAYS), edge("exit")), "exit": ends()}),
    threads(
        chain(starts("t")),
        t=spec("a", {"a": nop(edge("b", MAYBE), edge("exit")), "b": AGAIN, "exit": ends()}, V),
    ),
    threads(chain(starts("t")), t=chain(sleeps(1), starts("t"))),
    threads(chain(starts("t")), t=chain(starts_each("t", literal([])))),
    chain(sleeps(1), {"type": "RUN_CHILD_WF", "wf_spec": "faulty"}),
    handling(WORK, "TIME_OUT", "VAR_SUB_ERROR", "VAR_ERROR", "ERROR", "odd", "EXCEPTION"),
    handling(WORK, "ERROR", None),
    interrupted(
        threads(chain(event("go")), mend=chain(variables=(declared("INPUT", "JSON_OBJ"),))),
        told="mend",
    ),
)
"""What comes near to these mistakes, and is none."""
