"""PutWfSpec: registers a version of a workflow. The same spec again is the same version.

`version` counts 1, 2, 3; beside it stands major.revision, by the law of `spec_versions.py`. Numbers
are never given twice, whatever was deleted meanwhile.
"""

from collections.abc import Iterator

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.faults import Faults
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import ExitNode
from penstock.core.definitions.updates import AllowedUpdates, refuse_no_updates
from penstock.core.definitions.wf_spec import LatestWfSpec, MajorWfSpec, SpecBody, WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name
from penstock.core.registration.child_runs import check_child_runs
from penstock.core.registration.pinning import pinned
from penstock.core.registration.spec_check import check_spec
from penstock.core.registration.spec_facts import first_nodes, kept_outputs, masked_outputs
from penstock.core.registration.spec_form import body_of
from penstock.core.registration.spec_versions import (
    UNKNOWN_TYPE,
    breaks,
    frozen_faults,
    frozen_of,
    interface_of,
)
from penstock.core.state.turn import Turn
from penstock.core.values.expressions import Literal
from penstock.core.values.value import Value, encode_value, type_name


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
    body = body_of(command.spec)
    check_spec(command.name, body, turn.rows, turn.tenant)
    body = pinned(body, turn.rows, turn.tenant)
    latest = turn.rows.peek(LatestWfSpec, turn.tenant, command.name)
    newest = None if latest is None else _version(turn, command.name, latest.version)
    last = None if latest is None else _version(turn, command.name, latest.last)
    if newest is not None and encode_value(newest.body) == encode_value(body):
        turn.repeated = True
        return _answer(newest)
    spec = _first_version(turn, command.name, body)
    if last is not None and newest is not None:
        _number_after(spec, last, command.allowed_updates)
    elif last is not None:  # all are deleted: what they had frozen is free again
        spec.version, spec.major = last.version + 1, last.major + 1
    _check_child_runs(spec)
    _install(turn, spec)
    return _answer(spec)


def _version(turn: Turn, name: str, version: int) -> WfSpec | None:
    return turn.rows.peek(WfSpec, turn.tenant, name, version) if version > 0 else None


def _first_version(turn: Turn, name: str, body: SpecBody) -> WfSpec:
    return WfSpec(
        turn.tenant,
        name,
        1,
        0,
        0,
        body,
        kept_outputs(body),
        first_nodes(body),
        turn.at_ms,
        interface_of(body, _return_types(turn, body)),
        frozen_of(body),
        masked_outputs=masked_outputs(body),
    )


def _number_after(spec: WfSpec, last: WfSpec, allowed: AllowedUpdates) -> None:
    """Number a version that follows another; refuse a change that the law or the caller forbids."""
    refuse_no_updates(allowed, f"WfSpec {spec.name!r}")
    faults = Faults()
    for thread, text in frozen_faults(last.frozen, spec.body):
        faults.add(FaultKind.TYPE_FROZEN, text, thread=thread)
    if faults:
        refuse(Code.BAD_SPEC, str(faults), faults.found)
    broken = breaks(last.interface, spec.interface)
    if broken and allowed is AllowedUpdates.MINOR_REVISION_UPDATES:
        refuse(
            Code.BREAKING_UPDATE,
            f"WfSpec {spec.name!r}: more than a revision changes: {'; '.join(broken)}",
        )
    spec.version = last.version + 1
    spec.major = last.major + 1 if broken else last.major
    spec.revision = 0 if broken else last.revision + 1
    spec.frozen = dict(sorted({**last.frozen, **spec.frozen}.items()))


def _check_child_runs(spec: WfSpec) -> None:
    faults = Faults()
    check_child_runs(spec, faults)
    if faults:
        refuse(Code.BAD_SPEC, str(faults), faults.found)


def _install(turn: Turn, spec: WfSpec) -> None:
    install(turn, spec)
    install(turn, LatestWfSpec(spec.tenant, spec.name, spec.version, spec.version))
    first = spec.version - spec.revision  # revisions of a major version have numbers in a row
    install(turn, MajorWfSpec(spec.tenant, spec.name, spec.major, first, spec.version))


def _return_types(turn: Turn, body: SpecBody) -> Iterator[str]:
    """The types of what the entrypoint's EXITs return, as far as they can be seen."""
    check = NodeCheck(name="", body=body, rows=turn.rows, tenant=turn.tenant, faults=Faults())
    for name, config in body.threads[body.entrypoint].nodes.items():
        if not isinstance(config, ExitNode) or config.throws is not None:
            continue
        check.stand_at(body.entrypoint, name)
        if config.returns is None:
            yield type_name(None)
        elif isinstance(config.returns, Literal):
            yield type_name(config.returns.value)
        else:
            known = check.type_of(config.returns)
            yield UNKNOWN_TYPE if known is None else str(known)


def _answer(spec: WfSpec) -> Value:
    return {
        "name": spec.name,
        "version": spec.version,
        "major": spec.major,
        "revision": spec.revision,
    }


COMMAND = CommandType(PutWfSpec, handle, of_partition_0)
