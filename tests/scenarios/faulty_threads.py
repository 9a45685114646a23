"""Mistakes of threads that a node runs, and of limits on runs; see faulty.py."""

from __future__ import annotations

from penstock.core.definitions.fault_kinds import FaultKind as Kind
from penstock.core.limits import THREADS_AFTER_MAX
from tests.controls import (
    chain,
    declared,
    handled,
    literal,
    only_if,
    output_of,
    runs,
    runs_each,
    sleeps,
    task,
    template,
    threads,
    variable,
)
from tests.scenarios.faulty import Faulty, Json, at

INPUT = declared("INPUT", "INT")
OTHERS = {
    "t": chain(variables=(INPUT,)),
    "u": chain(variables=(declared("INPUT", "STR"),)),
}
ONE = literal([1])
BOTH = runs("t", "u")
TALLY = {"part": "of", "words": ["DONE"], "live": "LIVE", "failed": "BAD", "killed": "KILLED"}
ITSELF = {"type": "RUN_CHILD_WF", "wf_spec": "faulty"}


def running(node: Json, **others: Json) -> Json:
    """A spec with this node and those of the other threads that it runs."""
    named = {name: OTHERS[name] for name in dict.fromkeys(node["threads"]) if name in OTHERS}
    return threads(chain(node), **(named | others))


def handling_start() -> Json:
    """A spec whose ENTRYPOINT has a handler."""
    made = threads(chain(), mend=chain())
    nodes = made["threads"]["main"]["nodes"]
    nodes["0-entrypoint"] = handled(nodes["0-entrypoint"], ("mend", None))
    return made


def limited(made: Json, **limit: object) -> Json:
    """The spec, with a limit on its runs."""
    return made | {"limit": {"most": 1} | limit}


THREADS = (
    at("main/n1", Kind.NO_THREADS, running(runs()), "names none to run"),
    at("main/n1", Kind.THREAD_TWICE, running(runs("t", "t")), "names one twice"),
    at("main/n1", Kind.THREAD_UNKNOWN, running(runs("nobody")), "there is no thread 'nobody'"),
    at(
        "main/n1",
        Kind.THREADS_FOR_VALUES,
        threads(chain(runs("t", "v", values=ONE)), t=OTHERS["t"], v=chain()),
        "runs one thread",
    ),
    at(
        "main/n1",
        Kind.BAD_TALLY,
        running({**runs("t"), "publish": True, "tally": TALLY}),
        "it wants both",
    ),
    at("main/n1", Kind.BAD_TALLY, running(runs_each("t", ONE, tally=TALLY)), "it wants both"),
    at(
        "main/n1",
        Kind.OUTPUT_OF_SEVERAL,
        running(runs_each("t", ONE, gives_output=True)),
        "one thread, and without",
    ),
    at(
        "main/n1",
        Kind.AFTER_WITH_VALUES,
        running(runs_each("t", ONE, after={"t": []})),
        "remove `after`",
    ),
    at("main/n1", Kind.TYPE_MISMATCH, running(runs_each("t", literal(1))), "neither an array nor"),
    at(
        "main/n1",
        Kind.THREAD_INPUT_TAKEN,
        running(runs_each("t", ONE, variables={"INPUT": literal(1)})),
        "name it otherwise",
    ),
    at(
        "main/n1",
        Kind.THREAD_INPUT_TYPES_DIFFER,
        running(BOTH | {"variables": {"INPUT": literal(None)}}),
        "has different types in the threads: ['INT', 'STR']",
    ),
    at(
        "main/n1",
        Kind.INDEX_TYPE,
        running(runs_each("v", ONE), v=chain(variables=(declared("INDEX", "STR"),))),
        "the number of a value is INT",
    ),
    at(
        "main/n2",
        Kind.ELEMENT_TYPE,
        threads(chain(task("lists"), runs_each("t", output_of("n1"))), t=OTHERS["t"]),
        "Cannot assign STR to INT",
    ),
    at(
        "main/n1",
        Kind.AFTER_COUNT,
        running(BOTH | {"after": {"t": ["u"] * (THREADS_AFTER_MAX + 1)}}),
        f"it may have {THREADS_AFTER_MAX}",
    ),
    at("main/n1", Kind.AFTER_UNKNOWN, running(runs("t", after={"t": ["u"]})), "names 'u', which"),
    at(
        "main/n1",
        Kind.AFTER_CIRCLE,
        running(BOTH | {"after": {"t": ["u"], "u": ["t"]}}),
        "goes round in a circle",
    ),
    at(
        "v/n1",
        Kind.ENDLESS_THREADS,
        threads(chain(runs("v")), v=chain(runs("t", "v")), t=chain(sleeps(1))),
        "thread 'v' comes here on every way",
    ),
    at(
        "main/n1",
        Kind.ENDLESS_CHILD_RUNS,
        threads(chain(runs("t")), t=chain(ITSELF)),
        "runs itself for ever",
    ),
    at(
        "main/n1",
        Kind.HANDLER_NEVER_REACHED,
        threads(
            chain(handled(runs("t"), ("mend", "odd"), ("mend", "odd"))), t=chain(), mend=chain()
        ),
        "handler 2, of 'odd'",
    ),
)

LIMITS = (
    at(
        "main",
        Kind.LIMIT_HANDLED,
        limited(handling_start()),
        "remove the handlers of its ENTRYPOINT",
    ),
    at("main", Kind.TYPE_MISMATCH, limited(chain(), key=literal([1])), "key of the limit: "),
    at("main", Kind.VARIABLE_UNKNOWN, limited(chain(), key=variable("no")), "no variable 'no'"),
    at("main", Kind.VARIABLE_UNKNOWN, limited(chain(), key=template("{{ no }}")), "reads 'no'"),
    at(
        "main",
        Kind.OUTPUT_TOO_EARLY,
        limited(chain(task("work")), key=output_of("n1")),
        "key of the limit: no node has an output when",
    ),
)

LINES: tuple[Faulty, ...] = (*THREADS, *LIMITS)

ACCEPTED = (
    handling_start(),
    running(BOTH | {"after": {"t": ["u"]}}),
    running(runs_each("t", literal([]))),
    # what comes to an end, since a thread that is run before waits, or nothing is run
    threads(chain(runs("v")), v=chain(runs("t", "v", concurrency=1)), t=chain(sleeps(1))),
    threads(chain(runs("v")), v=chain(runs("t", "v", after={"v": ["t"]})), t=chain(sleeps(1))),
    threads(chain(runs("v")), v=chain(runs_each("v", literal([])))),
    threads(
        chain(runs("v"), variables=(declared("b", "BOOL"),)),
        v=chain(only_if(variable("b"), runs("v"))),
    ),
    chain(only_if(variable("b"), ITSELF), variables=(declared("b", "BOOL"),)),
    chain(only_if(literal(False), ITSELF)),
    limited(chain(ITSELF), behavior="FAIL"),
    running(handled(runs("t", "mend"), ("mend", "odd"), ("mend", None)), mend=chain()),
)
"""What comes near to these mistakes, and is none."""
