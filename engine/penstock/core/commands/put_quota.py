"""PutQuota: says how much a tenant, or a principal in it, may ask for."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.quotas import ALL_OF_IT, BOUNDS, Quota, check_whose, quota_of
from penstock.core.errors import Code, refuse
from penstock.core.limits import QUOTA_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PutQuota(Command, frozen=True):
    """The whole quota of a tenant, or of a principal in it: a bound that is left out is taken away.
    `of_` tells whose it is from who sends the command.
    """

    of_tenant: str
    of_principal: str | None = None
    commands_per_second: int | None = None
    runs_per_second: int | None = None
    live_runs: int | None = None


def handle(turn: Turn, command: PutQuota) -> Value:
    """Decide it and send it to every partition."""
    check_whose(command.of_tenant, command.of_principal)
    for name, most in zip(BOUNDS, _said(command), strict=True):
        if most is not None and not 0 <= most <= QUOTA_MAX:
            refuse(Code.BAD_VALUE, f"{name} {most}: from 0, which is none, to {QUOTA_MAX}")
    known = quota_of(turn.rows, command.of_tenant, command.of_principal or ALL_OF_IT)
    if known is not None and _said(known) == _said(command):
        turn.repeated = True
        return _answer(command, known.version)
    row = Quota(
        tenant=EVERYWHERE,
        of_tenant=command.of_tenant,
        of_principal=command.of_principal or ALL_OF_IT,
        version=1 if known is None else known.version + 1,
        commands_per_second=command.commands_per_second,
        runs_per_second=command.runs_per_second,
        live_runs=command.live_runs,
        created_ms=turn.at_ms if known is None else known.created_ms,
        updated_ms=turn.at_ms,
    )
    install(turn, row)
    return _answer(command, row.version)


def _answer(command: PutQuota, version: int) -> Value:
    return {
        "tenant": command.of_tenant,
        "principal": command.of_principal,
        "version": version,
    }


def _said(quota: Quota | PutQuota) -> tuple[int | None, ...]:
    return quota.commands_per_second, quota.runs_per_second, quota.live_runs


COMMAND = CommandType(PutQuota, handle, of_partition_0)
