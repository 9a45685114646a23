"""DeleteQuota: a tenant, or a principal in it, may ask for as much as it likes."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.quotas import ALL_OF_IT, check_whose, quota_of, whose
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteQuota(Command, frozen=True):
    """Whose quota: a tenant's, or that of a principal in it."""

    of_tenant: str
    of_principal: str | None = None


def handle(turn: Turn, command: DeleteQuota) -> Value:
    """Decide it and tell every partition."""
    check_whose(command.of_tenant, command.of_principal)
    row = quota_of(turn.rows, command.of_tenant, command.of_principal or ALL_OF_IT)
    if row is None:
        of = whose(command.of_tenant, command.of_principal)
        refuse(Code.QUOTA_UNKNOWN, f"{of} has no quota")
    remove(turn, row)
    return {"tenant": command.of_tenant, "principal": command.of_principal}


COMMAND = CommandType(DeleteQuota, handle, of_partition_0)
