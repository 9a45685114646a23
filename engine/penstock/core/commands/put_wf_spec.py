"""PutWfSpec: registers a version of a workflow. The same spec again is the same version.

The version law: `version` counts 1, 2, 3; a new version is a new major one when what starters must
know has changed (the required variables of the entrypoint), else a revision.
"""

from enum import StrEnum

import msgspec

from penstock.core.commands.base import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name
from penstock.core.limits import SPEC_BYTES_MAX
from penstock.core.pinning import pinned
from penstock.core.spec import LatestWfSpec, SpecBody, WfSpec
from penstock.core.spec_check import check_spec, first_nodes, kept_outputs
from penstock.core.turn import Turn
from penstock.core.values import Value, ValueProblem, ValueType, encode_value


class AllowedUpdates(StrEnum):
    """Which changes to an existing WfSpec the caller wants."""

    ALL_UPDATES = "ALL_UPDATES"
    MINOR_REVISION_UPDATES = "MINOR_REVISION_UPDATES"
    NO_UPDATES = "NO_UPDATES"


class PutWfSpec(Command, frozen=True):
    """The spec as JSON: {entrypoint, threads: {name: {nodes, variables}}}; docs/reference has its
    form.
    """

    name: str
    spec: Value
    allowed_updates: AllowedUpdates = AllowedUpdates.ALL_UPDATES


def handle(turn: Turn, command: PutWfSpec) -> Value:
    """Check the spec, decide its version and send it to every partition."""
    check_definition_name("WfSpec", command.name)
    body = _body(command.spec)
    check_spec(body, turn.rows, turn.tenant)
    body = pinned(body, turn.rows, turn.tenant)
    latest = turn.rows.peek(LatestWfSpec, turn.tenant, command.name)
    known = None
    if latest is not None:
        known = turn.rows.peek(WfSpec, turn.tenant, command.name, latest.version)
    if known is None:
        spec = _row(turn, command.name, body, version=1, major=0, revision=0)
    elif encode_value(known.body) == encode_value(body):
        return _answer(known)
    else:
        spec = _next_version(turn, known, body, command.allowed_updates)
    install(turn, spec)
    install(turn, LatestWfSpec(turn.tenant, spec.name, spec.version))
    return _answer(spec)


def _body(spec: Value) -> SpecBody:
    try:
        size = len(encode_value(spec))
        if size > SPEC_BYTES_MAX:
            refuse(Code.TOO_LARGE, f"the spec has {size} bytes; it may have {SPEC_BYTES_MAX}")
        return msgspec.convert(spec, SpecBody)
    except (ValueProblem, msgspec.ValidationError) as problem:
        refuse(Code.BAD_SPEC, f"the spec has not the right form: {problem}")


def _next_version(turn: Turn, known: WfSpec, body: SpecBody, allowed: AllowedUpdates) -> WfSpec:
    breaks = _starters_view(body) != _starters_view(known.body)
    if allowed is AllowedUpdates.NO_UPDATES:
        refuse(
            Code.ALREADY_EXISTS,
            f"WfSpec {known.name!r} exists and differs; updates are not allowed",
        )
    if breaks and allowed is AllowedUpdates.MINOR_REVISION_UPDATES:
        refuse(
            Code.ALREADY_EXISTS,
            f"WfSpec {known.name!r}: the required variables change, which is more than a revision",
        )
    return _row(
        turn,
        known.name,
        body,
        version=known.version + 1,
        major=known.major + 1 if breaks else known.major,
        revision=0 if breaks else known.revision + 1,
    )


def _starters_view(body: SpecBody) -> frozenset[tuple[str, ValueType]]:
    variables = body.threads[body.entrypoint].variables
    return frozenset((variable.name, variable.type) for variable in variables if variable.required)


def _row(
    turn: Turn, name: str, body: SpecBody, *, version: int, major: int, revision: int
) -> WfSpec:
    return WfSpec(
        turn.tenant,
        name,
        version,
        major,
        revision,
        body,
        kept_outputs(body),
        first_nodes(body),
        turn.at_ms,
    )


def _answer(spec: WfSpec) -> Value:
    return {
        "name": spec.name,
        "version": spec.version,
        "major": spec.major,
        "revision": spec.revision,
    }


COMMAND = CommandType(PutWfSpec, handle, of_partition_0)
