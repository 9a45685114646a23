"""DeleteUserTaskDef: no more specs are registered with a version of a form. Its row stays, marked,
since there may be specs and user tasks with it: they go on. Its number is never given again.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.user_task_def import LatestUserTaskDef, UserTaskDef
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteUserTaskDef(Command, frozen=True):
    """Which version of which UserTaskDef."""

    name: str
    version: int


def handle(turn: Turn, command: DeleteUserTaskDef) -> Value:
    """Mark the version, and let the newest that is left take its place."""
    name, version = command.name, command.version
    form = turn.rows.get(UserTaskDef, turn.tenant, name, version) if version > 0 else None
    if form is None or form.deleted_ms is not None:
        refuse(Code.USER_TASK_DEF_UNKNOWN, f"there is no UserTaskDef {name!r} in version {version}")
    latest = turn.rows.get(LatestUserTaskDef, turn.tenant, name)
    if latest is not None and latest.version == version:
        latest.version = _newest_below(turn, name, version)
        install(turn, latest)
    form.deleted_ms = turn.at_ms
    install(turn, form)  # last: nobody is led to a version that is deleted
    return {"name": name, "version": version}


def _newest_below(turn: Turn, name: str, version: int) -> int:
    """The newest version below this one that is not deleted; 0 if none is left."""
    for number in range(version - 1, 0, -1):
        form = turn.rows.peek(UserTaskDef, turn.tenant, name, number)
        if form is not None and form.deleted_ms is None:
            return number
    return 0


COMMAND = CommandType(DeleteUserTaskDef, handle, of_partition_0)
