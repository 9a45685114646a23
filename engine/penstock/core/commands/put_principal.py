"""PutPrincipal: says what somebody may do. What was granted before and is not now is taken away."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.principals import (
    ANYTHING_AFTER,
    EVERYWHERE,
    OF_THE_CLUSTER,
    Grant,
    Principal,
    is_principal_name,
)
from penstock.core.errors import Code, refuse
from penstock.core.ids import is_definition_name, is_kebab
from penstock.core.limits import (
    GRANT_NAMES_MAX,
    GRANTS_MAX,
    TEXT_CHARS_MAX,
)
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PutPrincipal(Command, frozen=True):
    """Its name, and all that it may do. Whoever comes with a token of an identity provider has the
    name that the token says.
    """

    name: str
    grants: tuple[Grant, ...] = ()
    description: str = ""


def handle(turn: Turn, command: PutPrincipal) -> Value:
    """Decide it and send it to every partition."""
    _check(command)
    before = turn.rows.peek(Principal, EVERYWHERE, command.name)
    known = None if before is None or before.deleted_ms is not None else before
    if known is not None and _said(known) == _said(command):
        turn.repeated = True
        return {"name": known.name, "version": known.version}
    row = Principal(
        tenant=EVERYWHERE,
        name=command.name,
        version=1 if before is None else before.version + 1,
        born=turn.offset if known is None else known.born,
        grants=command.grants,
        description=command.description,
        created_ms=turn.at_ms if known is None else known.created_ms,
        updated_ms=turn.at_ms,
    )
    install(turn, row)
    return {"name": row.name, "version": row.version}


def _said(principal: Principal | PutPrincipal) -> tuple[object, ...]:
    return principal.grants, principal.description


def _check(command: PutPrincipal) -> None:
    if not is_principal_name(command.name):
        refuse(
            Code.BAD_NAME,
            f"principal {command.name[:128]!r}: use 1-128 letters, digits and . _ @ | : + = -, the"
            " first a letter or digit, and no name that is the engine's own",
        )
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    if len(command.grants) > GRANTS_MAX:
        refuse(Code.LIMIT, f"{len(command.grants)} grants: a principal may have {GRANTS_MAX}")
    for number, grant in enumerate(command.grants):
        _check_grant(f"grants[{number}]", grant)


def _check_grant(where: str, grant: Grant) -> None:
    """What could never allow anything is a mistake."""
    for what, given in (
        ("tenants", grant.tenants),
        ("resources", grant.resources),
        ("actions", grant.actions),
    ):
        if not given:
            refuse(Code.BAD_VALUE, f"{where}: name {what}")
    if len(grant.tenants) > GRANT_NAMES_MAX or len(grant.names) > GRANT_NAMES_MAX:
        refuse(Code.LIMIT, f"{where}: {GRANT_NAMES_MAX} tenants and {GRANT_NAMES_MAX} names")
    for tenant in grant.tenants:
        if tenant != EVERYWHERE and not is_kebab(tenant):
            refuse(Code.BAD_VALUE, f"{where}: {tenant[:80]!r} is no tenant, and not {EVERYWHERE!r}")
    for name in grant.names:
        if not _is_name(name):
            refuse(Code.BAD_VALUE, f"{where}: {name[:80]!r} is no name, and not the first of one")
    if OF_THE_CLUSTER & {*grant.resources} and EVERYWHERE not in grant.tenants:
        refuse(
            Code.BAD_VALUE,
            f"{where}: {', '.join(sorted(OF_THE_CLUSTER))} are of the cluster: grant them for"
            f" {EVERYWHERE!r}, all tenants",
        )


def _is_name(name: str) -> bool:
    """A name, or how names begin: with that which follows it is one."""
    begins = name.endswith(ANYTHING_AFTER)
    return is_definition_name(name[:-1] + "x" if begins else name)


COMMAND = CommandType(PutPrincipal, handle, of_partition_0)
