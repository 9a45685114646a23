"""PutApiKey: gives a principal a key. Only a salted hash of its secret comes here, so that nobody
who reads rows, or the log, has it.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.principals import (
    EVERYWHERE,
    ApiKey,
    Principal,
    hash_problem,
    is_key_id,
)
from penstock.core.errors import Code, refuse
from penstock.core.limits import DATE_MS_MAX, TEXT_CHARS_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PutApiKey(Command, frozen=True):
    """The id of the key, whose it is, and the hash of its secret: SHA-256 over the salt and the
    secret, in hex. Without `expires_at_ms` it is good until it is revoked.
    """

    key_id: str
    owner: str
    salt: str
    key_hash: str
    expires_at_ms: int | None = None
    description: str = ""


def handle(turn: Turn, command: PutApiKey) -> Value:
    """Decide it and send it to every partition. A key never changes."""
    _check(command)
    principal = turn.rows.peek(Principal, EVERYWHERE, command.owner)
    if principal is None or principal.deleted_ms is not None:
        refuse(
            Code.PRINCIPAL_UNKNOWN,
            f"there is no principal {command.owner[:128]!r}; put it first",
        )
    known = turn.rows.peek(ApiKey, EVERYWHERE, command.key_id)
    row = ApiKey(
        tenant=EVERYWHERE,
        key_id=command.key_id,
        owner=command.owner,
        born=principal.born,
        salt=command.salt,
        key_hash=command.key_hash,
        description=command.description,
        created_ms=turn.at_ms if known is None else known.created_ms,
        expires_at_ms=command.expires_at_ms,
    )
    if known == row:
        turn.repeated = True
    elif known is not None:
        refuse(Code.ALREADY_EXISTS, f"there is or was a key {command.key_id!r}: take a new id")
    else:
        install(turn, row)
    return {"key_id": row.key_id, "owner": row.owner}


def _check(command: PutApiKey) -> None:
    if not is_key_id(command.key_id):
        refuse(Code.BAD_ID, "key_id: 8-64 letters and digits")
    problem = hash_problem(command.salt, command.key_hash)
    if problem is not None:
        refuse(Code.BAD_VALUE, problem)
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    expires_at_ms = command.expires_at_ms
    if expires_at_ms is not None and not 0 < expires_at_ms <= DATE_MS_MAX:
        refuse(Code.BAD_VALUE, f"expires_at_ms {expires_at_ms}: milliseconds since 1970, till 3000")


COMMAND = CommandType(PutApiKey, handle, of_partition_0)
