"""PutApplication: registers an application, or changes where it takes webhooks. What is sent from
then on goes there; an attempt that was handed out before goes where it was to go. An address that
had said that it is gone is tried again.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.commands.open_address import reopen
from penstock.core.definitions.defs import Application
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_kebab
from penstock.core.limits import TEXT_CHARS_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.urls import url_problem
from penstock.core.values.value import Value


class PutApplication(Command, frozen=True):
    """Its name in kebab-case, and the address to which its webhooks are posted."""

    name: str
    webhook_url: str
    description: str = ""


def handle(turn: Turn, command: PutApplication) -> Value:
    """Decide the application and send it to every partition."""
    check_kebab("application", command.name)
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    problem = url_problem(command.webhook_url)
    if problem is not None:
        refuse(Code.BAD_VALUE, f"webhook_url: {problem}")
    known = turn.rows.peek(Application, turn.tenant, command.name)
    reopened = reopen(turn, command.webhook_url)
    if known is not None and _said(known) == _said(command):
        turn.repeated = not reopened
        return {"name": known.name, "version": known.version}
    row = Application(
        tenant=turn.tenant,
        name=command.name,
        version=1 if known is None else known.version + 1,
        webhook_url=command.webhook_url,
        description=command.description,
        created_ms=turn.at_ms if known is None else known.created_ms,
        updated_ms=turn.at_ms,
    )
    install(turn, row)
    return {"name": row.name, "version": row.version}


def _said(application: Application | PutApplication) -> tuple[str, str]:
    return application.webhook_url, application.description


COMMAND = CommandType(PutApplication, handle, of_partition_0)
