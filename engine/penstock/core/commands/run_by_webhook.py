"""RunByWebhook: somebody has posted to a webhook, and its run is started. Whether the key was the
right one has been seen at the edge. The id of the run makes it idempotent, as a RunWf: the same
request again is the first answer, whatever the webhook has become since.
"""

from msgspec.structs import replace

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.definitions.webhooks import TYPE, Webhook
from penstock.core.errors import Code, refuse
from penstock.core.flow.counts import check_room
from penstock.core.flow.starting import (
    Start,
    answer_to_start,
    first_start,
    start_run,
    wanted_spec,
)
from penstock.core.flow.webhook_request import variables_of
from penstock.core.ids import check_wf_run_id
from penstock.core.state.first_answer import FirstAnswer, request_hash
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds


class RunByWebhook(Command, frozen=True):
    """The webhook, the run's id, and the request: its body, and of its headers and parameters the
    values by name.
    """

    webhook: str
    wf_run_id: str
    body: Value = None
    headers: Value = None
    parameters: Value = None


def handle(turn: Turn, command: RunByWebhook) -> Value:
    """Start the run, unless its id is taken."""
    wf_run_id = check_wf_run_id(command.wf_run_id)
    if first_start(turn, wf_run_id) is not None:
        refuse(
            Code.ALREADY_EXISTS,
            f"WfRun {wf_run_id!r} was started by a request that said something else",
        )
    webhook = turn.rows.peek(Webhook, turn.tenant, command.webhook)
    if webhook is None:
        refuse(Code.WEBHOOK_UNKNOWN, f"there is no webhook {command.webhook[:200]!r}")
    charged_to = check_room(turn)
    start = Start(wf_spec=webhook.wf_spec, labels=webhook.labels)
    spec = wanted_spec(turn, start)
    told: dict[str, Value] = {
        "id": webhook.trigger_id,
        "type": TYPE,
        "body": command.body,
        "headers": command.headers,
        "parameters": command.parameters,
    }
    try:
        check_bounds(told)
        variables = variables_of(turn, spec, wf_run_id, webhook.inputs, told)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"the request does not fit the inputs of the webhook: {problem}")
    given = replace(start, variables=variables, charged_to=charged_to)
    run = start_run(turn, given, wf_run_id, request_hash(command))
    return answer_to_start(run).body


def first(turn: Turn, command: RunByWebhook) -> FirstAnswer | None:
    """What the run's start was answered."""
    return first_start(turn, check_wf_run_id(command.wf_run_id))


COMMAND = CommandType(RunByWebhook, handle, of_wf_run, repeats=Repeats.OWN_ROWS, first=first)
