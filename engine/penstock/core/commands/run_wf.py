"""RunWf: starts a run of a WfSpec. The id of the run makes it idempotent: the same start again is
the first answer.
"""

from hashlib import blake2b

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.starting import Start, check_start, start_run
from penstock.core.ids import check_family_id, check_wf_run_id
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value, encode_value


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
    """Start the run, or give the first answer again."""
    wf_run_id = _run_id(turn, command)
    request_hash = _hash(command)
    known = turn.rows.peek(WfRun, turn.tenant, wf_run_id)
    if known is not None:
        if known.request_hash != request_hash:
            refuse(
                Code.ALREADY_EXISTS,
                f"WfRun {wf_run_id!r} was started with another spec, variables or labels",
            )
        turn.repeated = True
        return _answer(known)
    return _answer(start_run(turn, _start(command), wf_run_id, request_hash))


def check(turn: Turn, command: RunWf) -> None:
    """Refuse what could not be started now, wherever the run is to be."""
    check_start(turn, _start(command), parent_is_here=False)


def _start(command: RunWf) -> Start:
    return Start(
        wf_spec=command.wf_spec,
        version=command.version,
        major=command.major,
        revision=command.revision,
        variables=command.variables,
        labels=command.labels,
        parent=command.parent,
    )


def _run_id(turn: Turn, command: RunWf) -> str:
    if command.parent is None:
        return check_wf_run_id(command.wf_run_id or turn.key)
    if command.wf_run_id is None:
        refuse(Code.BAD_ID, "a run below another needs a wf_run_id of its own")
    return check_family_id(f"{command.parent}.{check_wf_run_id(command.wf_run_id)}")


def _hash(command: RunWf) -> bytes:
    chosen = [command.wf_spec, command.version, command.major, command.revision]
    fields = [*chosen, command.variables, command.labels, command.parent]
    return blake2b(encode_value(fields), digest_size=12).digest()


def _answer(run: WfRun) -> Value:
    return {"wf_run_id": run.wf_run_id, "wf_spec": run.wf_spec, "version": run.version}


COMMAND = CommandType(RunWf, handle, of_wf_run, repeats=Repeats.OWN_ROWS)
