"""The kinds of tasks that a flow may have, as a table: what each is called here and in Kestra, and
which properties it takes. The reader, the schema for editors and the reference are made from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct


class Kind(StrEnum):
    """What a property is."""

    TEXT = "text"  # may have {{ }}
    ANY = "any value"  # text in it may have {{ }}
    MAP = "values by name"  # text in them may have {{ }}
    LABELS = "texts by name"  # or a list of {key, value}; may have {{ }}
    FLAG = "true or false"
    COUNT = "a whole number"
    DURATION = "a duration such as PT5M"
    ENUM = "one of its words"
    TASKS = "a list of tasks"
    CASES = "tasks by value"
    DAG = "a list of {task, dependsOn}"
    INPUTS = "a list of typed inputs"
    RETRY = "a retry policy"
    FREQUENCY = "how often and how long"
    BATCH = "how many items at once"


class Property(Struct, frozen=True):
    """A property of a task: its kind, whether it must be given, the words of an ENUM, and whether
    it, or each value in it, is an input of a worker as a whole, which may be a secret.
    """

    kind: Kind
    required: bool = False
    words: tuple[str, ...] = ()
    said: str = ""
    secret: bool = False


class TaskKind(Struct, frozen=True):
    """A kind of task: its name here, Kestra's names for it, and its own properties."""

    name: str
    aliases: tuple[str, ...]
    properties: dict[str, Property]
    said: str
    flowable: bool = False


COMMON: Final[dict[str, Property]] = {
    "id": Property(Kind.TEXT, required=True, said="The task's name, unlike any other in the flow."),
    "type": Property(Kind.TEXT, required=True, said="The kind of task."),
    "description": Property(Kind.TEXT, said="For people."),
    "runIf": Property(Kind.TEXT, said="Skipped if this renders to false, 0 or nothing."),
    "disabled": Property(Kind.FLAG, said="As if the task were not there."),
    "allowFailure": Property(Kind.FLAG, said="A failure is a warning, and the flow goes on."),
    "allowWarning": Property(Kind.FLAG, said="A warning counts as success."),
    "retry": Property(Kind.RETRY, said="How often a failed task is tried again."),
    "timeout": Property(Kind.DURATION, said="How long one attempt may run."),
}
"""What every task takes."""

ERRORS: Final = Property(Kind.TASKS, said="Run when a task of the body has failed for good.")
_TASKS: Final = Property(Kind.TASKS, required=True, said="The body.")
_VALUES: Final = Property(Kind.ANY, required=True, said="A list, or text that renders to one.")
_CONCURRENT: Final = Property(Kind.COUNT, said="How many run at once; 0 is all.")
_SUBFLOW: Final[dict[str, Property]] = {
    "namespace": Property(Kind.TEXT, required=True, said="The other flow's namespace."),
    "flowId": Property(Kind.TEXT, required=True, said="The other flow's id."),
    "revision": Property(Kind.COUNT, said="Which version of it; the newest, if nothing is said."),
    "scheduleDate": Property(Kind.TEXT, said="Not before this moment, 2026-01-31T12:00:00Z."),
    "inputs": Property(Kind.MAP, said="Its inputs, by name."),
    "labels": Property(Kind.LABELS, said="Labels of its run."),
    "wait": Property(Kind.FLAG, said="Whether to wait for its end (true)."),
    "transmitFailed": Property(Kind.FLAG, said="Whether its failure is this task's (true)."),
    "inheritLabels": Property(Kind.FLAG, said="Whether it gets this flow's labels (false)."),
    "restartBehavior": Property(
        Kind.ENUM,
        words=("RETRY_FAILED", "NEW_EXECUTION"),
        said="Whether a restart restarts its failed run (RETRY_FAILED), or begins another one.",
    ),
}


def _core(*names: str) -> tuple[str, ...]:
    return tuple(f"io.kestra.plugin.core.{name}" for name in names)


def _flow(name: str) -> tuple[str, ...]:
    return (*_core(f"flow.{name}"), f"io.kestra.core.tasks.flows.{name}")


KINDS: Final[tuple[TaskKind, ...]] = (
    TaskKind(
        "return",
        (*_core("debug.Return"), "io.kestra.core.tasks.debugs.Return"),
        {
            "format": Property(
                Kind.TEXT, said="What it returns, as outputs.<id>.value.", secret=True
            )
        },
        "Gives a text back, and logs it.",
    ),
    TaskKind(
        "log",
        (*_core("log.Log"), "io.kestra.core.tasks.log.Log"),
        {
            "message": Property(
                Kind.ANY, required=True, said="A text, or a list of texts.", secret=True
            ),
            "level": Property(
                Kind.ENUM,
                words=("TRACE", "DEBUG", "INFO", "WARN", "ERROR"),
                said="How important it is (INFO).",
                secret=True,
            ),
        },
        "Writes to the attempt's log.",
    ),
    TaskKind(
        "fail",
        (*_core("execution.Fail"), "io.kestra.core.tasks.executions.Fail"),
        {
            "errorMessage": Property(Kind.TEXT, said="Why.", secret=True),
            "condition": Property(Kind.TEXT, said="Fail only if this is true."),
        },
        "Fails.",
    ),
    TaskKind(
        "sleep",
        _core("flow.Sleep"),
        {"duration": Property(Kind.DURATION, required=True, said="How long.")},
        "Waits.",
    ),
    TaskKind(
        "http-request",
        (*_core("http.Request"), "io.kestra.plugin.fs.http.Request"),
        {
            "uri": Property(Kind.TEXT, required=True, said="Where to.", secret=True),
            "method": Property(
                Kind.ENUM,
                words=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
                said="GET, if nothing is said.",
                secret=True,
            ),
            "headers": Property(Kind.MAP, said="Headers, by name."),
            "contentType": Property(Kind.TEXT, said="The header content-type."),
            "body": Property(Kind.TEXT, said="What is sent.", secret=True),
            "auth": Property(Kind.MAP, said="Who asks, by the name of a credential."),
            "allowFailed": Property(Kind.FLAG, said="Whether an error's status is a success."),
        },
        "Makes an HTTP request.",
    ),
    TaskKind(
        "send-webhook",
        (),
        {
            "url": Property(Kind.TEXT, required=True, said="Where to.", secret=True),
            "event": Property(Kind.TEXT, said="The type of event, dotted.", secret=True),
            "data": Property(Kind.ANY, said="What has happened.", secret=True),
        },
        "Posts a signed webhook.",
    ),
    TaskKind(
        "task",
        (),
        {
            "taskDef": Property(Kind.TEXT, required=True, said="The TaskDef."),
            "inputs": Property(Kind.MAP, said="Its inputs, by name.", secret=True),
        },
        "A task that workers of yours run.",
    ),
    TaskKind("sequential", _flow("Sequential"), {"tasks": _TASKS}, "One after another.", True),
    TaskKind(
        "parallel",
        _flow("Parallel"),
        {"tasks": _TASKS, "concurrent": _CONCURRENT},
        "All at once.",
        True,
    ),
    TaskKind(
        "for-each",
        _flow("ForEach"),
        {
            "values": _VALUES,
            "tasks": _TASKS,
            "concurrencyLimit": Property(Kind.COUNT, said="Values at once (1); 0 is all."),
        },
        "The body for each value.",
        True,
    ),
    TaskKind(
        "each-sequential",
        _flow("EachSequential"),
        {"value": _VALUES, "tasks": _TASKS},
        "The body for each value, one value after another.",
        True,
    ),
    TaskKind(
        "each-parallel",
        _flow("EachParallel"),
        {"value": _VALUES, "tasks": _TASKS, "concurrent": _CONCURRENT},
        "The body for each value, all at once.",
        True,
    ),
    TaskKind(
        "if",
        _flow("If"),
        {
            "condition": Property(Kind.TEXT, required=True, said="What decides, once."),
            "then": Property(Kind.TASKS, required=True, said="The body if it is true."),
            "else": Property(Kind.TASKS, said="The body if it is false, 0 or nothing."),
        },
        "One body or the other.",
        True,
    ),
    TaskKind(
        "switch",
        _flow("Switch"),
        {
            "value": Property(Kind.TEXT, required=True, said="What decides, once."),
            "cases": Property(Kind.CASES, said="The bodies, by the text that the value must be."),
            "defaults": Property(Kind.TASKS, said="The body if it is none of them."),
        },
        "The body of the case that the value is.",
        True,
    ),
    TaskKind(
        "dag",
        _flow("Dag"),
        {
            "tasks": Property(Kind.DAG, required=True, said="Each task, and which come before it."),
            "concurrent": _CONCURRENT,
        },
        "Each task when those it depends on have ended.",
        True,
    ),
    TaskKind(
        "allow-failure",
        _flow("AllowFailure"),
        {"tasks": _TASKS},
        "A failure of the body is a warning.",
        True,
    ),
    TaskKind(
        "loop-until",
        (*_flow("LoopUntil"), *_flow("WaitFor")),
        {
            "condition": Property(Kind.TEXT, required=True, said="Looked at after each round."),
            "tasks": _TASKS,
            "checkFrequency": Property(
                Kind.FREQUENCY, said="interval (PT1S), maxIterations (100), maxDuration (PT1H)."
            ),
            "failOnMaxReached": Property(
                Kind.FLAG, said="Whether it fails if it never holds (false)."
            ),
        },
        "The body until the condition holds.",
        True,
    ),
    TaskKind(
        "pause",
        _flow("Pause"),
        {
            "delay": Property(Kind.DURATION, said="Goes on by itself after this."),
            "pauseDuration": Property(Kind.DURATION, said="The same."),
            "timeout": Property(Kind.DURATION, said="Fails after this."),
            "onResume": Property(Kind.INPUTS, said="What who resumes it must give."),
        },
        "Waits for somebody.",
    ),
    TaskKind(
        "subflow",
        (*_flow("Subflow"), "io.kestra.core.tasks.flows.Flow"),
        _SUBFLOW,
        "Runs another flow.",
    ),
    TaskKind(
        "for-each-item",
        _flow("ForEachItem"),
        _SUBFLOW
        | {
            "items": Property(Kind.TEXT, required=True, said="One {{ }} that gives a list."),
            "batch": Property(Kind.BATCH, said="How many items each run gets: {rows: 1}."),
        },
        "Runs another flow for each batch of items, taskrun.items.",
        True,
    ),
)

BY_NAME: Final[dict[str, TaskKind]] = {
    name: kind for kind in KINDS for name in (kind.name, *kind.aliases)
}
