"""PutTenant: says what a tenant is for. One that nobody has put is there all the same."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.tenants import Tenant
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_kebab
from penstock.core.limits import TEXT_CHARS_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PutTenant(Command, frozen=True):
    """Its name, and what it is for."""

    name: str
    description: str = ""


def handle(turn: Turn, command: PutTenant) -> Value:
    """Decide it and send it to every partition."""
    check_kebab("tenant", command.name)
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    known = turn.rows.peek(Tenant, EVERYWHERE, command.name)
    if known is not None and known.description == command.description:
        turn.repeated = True
        return {"name": known.name, "version": known.version}
    row = Tenant(
        tenant=EVERYWHERE,
        name=command.name,
        version=1 if known is None else known.version + 1,
        description=command.description,
        created_ms=turn.at_ms if known is None else known.created_ms,
        updated_ms=turn.at_ms,
    )
    install(turn, row)
    return {"name": row.name, "version": row.version}


COMMAND = CommandType(PutTenant, handle, of_partition_0)
