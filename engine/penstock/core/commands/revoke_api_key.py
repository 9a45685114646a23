"""RevokeApiKey: a key is good for nothing any more. Its principal, and other keys, stay."""

from msgspec.structs import replace

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.principals import EVERYWHERE, ApiKey
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class RevokeApiKey(Command, frozen=True):
    """Which key."""

    key_id: str


def handle(turn: Turn, command: RevokeApiKey) -> Value:
    """Decide it and tell every partition."""
    row = turn.rows.peek(ApiKey, EVERYWHERE, command.key_id)
    if row is None:
        refuse(Code.API_KEY_UNKNOWN, f"there is no key {command.key_id[:64]!r}")
    if row.revoked_ms is not None:
        turn.repeated = True
    else:
        install(turn, replace(row, revoked_ms=turn.at_ms))
    return {"key_id": row.key_id, "owner": row.owner}


COMMAND = CommandType(RevokeApiKey, handle, of_partition_0)
