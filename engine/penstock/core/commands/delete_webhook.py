"""DeleteWebhook: closes an address to which others post; runs that it has started go on."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.webhooks import Webhook
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteWebhook(Command, frozen=True):
    """Which webhook."""

    name: str


def handle(turn: Turn, command: DeleteWebhook) -> Value:
    """Decide it and tell every partition."""
    row = turn.rows.peek(Webhook, turn.tenant, command.name)
    if row is None:
        refuse(Code.WEBHOOK_UNKNOWN, f"there is no webhook {command.name!r}")
    remove(turn, row)
    return {"name": command.name}


COMMAND = CommandType(DeleteWebhook, handle, of_partition_0)
