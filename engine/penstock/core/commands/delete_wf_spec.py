"""DeleteWfSpec: no more runs of a version are started. Its row stays, marked, since partition 0
does not know which runs still follow it: they go on. Its number is never given again.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.wf_spec import LatestWfSpec, MajorWfSpec, WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteWfSpec(Command, frozen=True):
    """Which version of which WfSpec; `version` is the plain number."""

    name: str
    version: int


def handle(turn: Turn, command: DeleteWfSpec) -> Value:
    """Mark the version, and let the newest that is left take its place."""
    name, version = command.name, command.version
    spec = turn.rows.get(WfSpec, turn.tenant, name, version) if version > 0 else None
    if spec is None or spec.deleted_ms is not None:
        refuse(Code.SPEC_UNKNOWN, f"there is no WfSpec {name!r} in version {version}")
    latest = turn.rows.get(LatestWfSpec, turn.tenant, name)
    if latest is not None and latest.version == version:
        latest.version = _newest_below(turn, name, version, 1)
        install(turn, latest)
    major = turn.rows.get(MajorWfSpec, turn.tenant, name, spec.major)
    if major is not None and major.version == version:
        major.version = _newest_below(turn, name, version, major.first)
        install(turn, major)
    spec.deleted_ms = turn.at_ms
    install(turn, spec)  # last: nobody is led to a version that is deleted
    return {"name": name, "version": version}


def _newest_below(turn: Turn, name: str, version: int, lowest: int) -> int:
    """The newest version below this one that is not deleted; 0 if none is left."""
    for number in range(version - 1, lowest - 1, -1):
        spec = turn.rows.peek(WfSpec, turn.tenant, name, number)
        if spec is not None and spec.deleted_ms is None:
            return number
    return 0


COMMAND = CommandType(DeleteWfSpec, handle, of_partition_0)
