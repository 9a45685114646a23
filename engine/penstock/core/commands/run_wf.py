"""RunWf: starts a run of a WfSpec. The id of the run makes it idempotent: the same start again is
the first answer.
"""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.counts import check_room
from penstock.core.flow.starting import (
    Start,
    answer_to_start,
    check_start,
    first_start,
    start_run,
)
from penstock.core.ids import check_family_id, check_wf_run_id
from penstock.core.state.first_answer import FirstAnswer, request_hash
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class RunWf(Command, frozen=True):
    """Which spec (the newest version if none is named; `major` names its newest revision unless
    `revision` says which), the run's id, its variables and labels.

    Without an id the record's key is the id. Below a `parent` the run's id is
    `<parent>.<wf_run_id>`.
    """

    wf_spec: str
    wf_run_id: str | None = None
    version: int | None = None
    variables: dict[str, Value] = {}
    labels: dict[str, str] = {}
    major: int | None = None
    revision: int | None = None
    parent: str | None = None


def handle(turn: Turn, command: RunWf) -> Value:
    """Start the run, unless its id is taken."""
    wf_run_id = _run_id(turn, command)
    if first_start(turn, wf_run_id) is not None:
        refuse(
            Code.ALREADY_EXISTS,
            f"WfRun {wf_run_id!r} was started with another spec, variables or labels; if it has"
            " been deleted, its id is free a day after that start",
        )
    start = _start(command, charged_to=check_room(turn))
    run = start_run(turn, start, wf_run_id, request_hash(command))
    return answer_to_start(run).body


def first(turn: Turn, command: RunWf) -> FirstAnswer | None:
    """What the run's start was answered."""
    return first_start(turn, _run_id(turn, command))


def check(turn: Turn, command: RunWf) -> None:
    """Refuse what could not be started now, wherever the run is to be."""
    check_start(turn, _start(command), parent_is_here=False)


def _start(command: RunWf, charged_to: str = "") -> Start:
    return Start(
        wf_spec=command.wf_spec,
        version=command.version,
        major=command.major,
        revision=command.revision,
        variables=command.variables,
        labels=command.labels,
        parent=command.parent,
        charged_to=charged_to,
    )


def _run_id(turn: Turn, command: RunWf) -> str:
    if command.parent is None:
        return check_wf_run_id(command.wf_run_id or turn.key)
    if command.wf_run_id is None:
        refuse(Code.BAD_ID, "a run below another needs a wf_run_id of its own")
    return check_family_id(f"{command.parent}.{check_wf_run_id(command.wf_run_id)}")


COMMAND = CommandType(RunWf, handle, of_wf_run, repeats=Repeats.OWN_ROWS, first=first)
