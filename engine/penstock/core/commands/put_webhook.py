"""PutWebhook: makes an address to which others post to start runs, or changes what it does. It
stays with its WfSpec: to have it start another one, delete it first.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.webhooks import TRIGGER, Webhook, header_problem, is_key_hash
from penstock.core.definitions.wf_spec import WfSpec, newest_spec
from penstock.core.errors import Code, refuse
from penstock.core.flow.labels import check_labels
from penstock.core.ids import check_definition_name
from penstock.core.limits import TEXT_CHARS_MAX, WEBHOOK_HEADERS_MAX, WEBHOOK_INPUTS_BYTES_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.forms import Template, check_form
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, value_bytes


class PutWebhook(Command, frozen=True):
    """The name in its address, the WfSpec, and the hash of its key (of BLAKE2b, in hex: see
    definitions/webhooks.py). `inputs` are templates for variables of the run, `headers` those that
    it is told of, `trigger` the id by which it knows the webhook.
    """

    name: str
    wf_spec: str
    key_hash: str
    inputs: dict[str, Value] = {}
    headers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    trigger: str = ""
    description: str = ""


def handle(turn: Turn, command: PutWebhook) -> Value:
    """Decide the webhook and send it to every partition."""
    check_definition_name("webhook", command.name)
    known = turn.rows.peek(Webhook, turn.tenant, command.name)
    if known is not None and known.wf_spec != command.wf_spec:
        refuse(
            Code.ALREADY_EXISTS,
            f"webhook {command.name!r} starts runs of {known.wf_spec!r}; delete it first",
        )
    if known is not None and _said(known) == _said(command):
        turn.repeated = True
        return {"name": known.name, "version": known.version}
    _check(turn, command)
    row = Webhook(
        tenant=turn.tenant,
        name=command.name,
        version=1 if known is None else known.version + 1,
        wf_spec=command.wf_spec,
        key_hash=command.key_hash,
        inputs=command.inputs,
        headers=command.headers,
        labels=command.labels,
        trigger=command.trigger,
        description=command.description,
        created_ms=turn.at_ms if known is None else known.created_ms,
        updated_ms=turn.at_ms,
    )
    install(turn, row)
    return {"name": row.name, "version": row.version}


def _said(webhook: Webhook | PutWebhook) -> tuple[Value, ...]:
    return (
        *(webhook.wf_spec, webhook.key_hash, webhook.inputs, webhook.headers, webhook.labels),
        *(webhook.trigger, webhook.description),
    )


def _check(turn: Turn, command: PutWebhook) -> None:
    """What can be seen to be wrong is refused now, not to whoever posts."""
    if not is_key_hash(command.key_hash):
        refuse(Code.BAD_VALUE, "key_hash: 64 hexadecimal digits, in small letters")
    for what, text in (("trigger", command.trigger), ("description", command.description)):
        if len(text) > TEXT_CHARS_MAX:
            refuse(Code.LIMIT, f"{what}: {TEXT_CHARS_MAX} characters at most")
    if len(command.headers) > WEBHOOK_HEADERS_MAX:
        refuse(Code.LIMIT, f"a webhook tells of {WEBHOOK_HEADERS_MAX} headers at most")
    for name in command.headers:
        problem = header_problem(name)
        if problem is not None:
            refuse(Code.BAD_VALUE, problem)
    check_labels(command.labels)
    try:
        check_form(Template(command.inputs))
        size = value_bytes(command.inputs)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"inputs: {problem}")
    if size > WEBHOOK_INPUTS_BYTES_MAX:
        refuse(Code.LIMIT, f"inputs of {size} bytes: {WEBHOOK_INPUTS_BYTES_MAX} at most")
    spec = newest_spec(turn.rows, turn.tenant, command.wf_spec, None)
    if spec is None:
        refuse(Code.SPEC_UNKNOWN, f"there is no WfSpec {command.wf_spec!r}; register it first")
    _check_fit(command, spec)


def _check_fit(command: PutWebhook, spec: WfSpec) -> None:
    """A run of the newest version must be able to begin with these inputs."""
    if spec.body.parent is not None:
        refuse(
            Code.PARENT_REQUIRED,
            f"WfSpec {spec.name!r} inherits from {spec.body.parent!r}: a webhook names no parent",
        )
    variables = spec.body.threads[spec.body.entrypoint].variables
    unknown = sorted(command.inputs.keys() - {one.name for one in variables})
    if unknown:
        refuse(
            Code.VARIABLE_UNKNOWN,
            f"inputs: the spec has no variable {unknown[0]!r};"
            f" it has {sorted(one.name for one in variables)}",
        )
    for one in variables:
        if one.required and one.name not in command.inputs and one.name != TRIGGER:
            refuse(
                Code.VARIABLE_REQUIRED,
                f"inputs: variable {one.name!r} ({one.type}) must be given,"
                " such as '{{ trigger.body." + one.name + " }}'",
            )


COMMAND = CommandType(PutWebhook, handle, of_partition_0)
