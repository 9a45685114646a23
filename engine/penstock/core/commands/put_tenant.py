"""PutTenant: says what a tenant may ask for. A tenant that nobody has put has no quota."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.tenants import NO_QUOTA, Quota, Tenant
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_kebab
from penstock.core.limits import QUOTA_MAX, TEXT_CHARS_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PutTenant(Command, frozen=True):
    """Its name, and its whole quota: a bound that is left out is taken away, as all are without."""

    name: str
    quota: Quota | None = None
    description: str = ""


def handle(turn: Turn, command: PutTenant) -> Value:
    """Decide it and send it to every partition."""
    quota = command.quota or NO_QUOTA
    _check(command, quota)
    known = turn.rows.peek(Tenant, EVERYWHERE, command.name)
    if known is not None and (known.quota, known.description) == (quota, command.description):
        turn.repeated = True
        return {"name": known.name, "version": known.version}
    row = Tenant(
        tenant=EVERYWHERE,
        name=command.name,
        version=1 if known is None else known.version + 1,
        quota=quota,
        description=command.description,
        created_ms=turn.at_ms if known is None else known.created_ms,
        updated_ms=turn.at_ms,
    )
    install(turn, row)
    return {"name": row.name, "version": row.version}


def _check(command: PutTenant, quota: Quota) -> None:
    check_kebab("tenant", command.name)
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    for name in Quota.__struct_fields__:
        most: int | None = getattr(quota, name)
        if most is not None and not 0 <= most <= QUOTA_MAX:
            refuse(Code.BAD_VALUE, f"quota.{name} {most}: from 0, which is none, to {QUOTA_MAX}")


COMMAND = CommandType(PutTenant, handle, of_partition_0)
