"""RUN_CHILD_WF: starts a run of a WfSpec below this one, on the same partition and in the same
turn, and goes on at once. Its output is the child's id.
"""

from collections.abc import Iterator
from typing import Final, cast

from msgspec.structs import replace

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import RunChildWfNode
from penstock.core.errors import Code, Reject
from penstock.core.flow import starting  # a module: it needs the spec, which imports the nodes
from penstock.core.flow.at import NOT_SHOWN, At
from penstock.core.flow.node import NodeType
from penstock.core.flow.outcomes import Done, Failed, Outcome
from penstock.core.ids import child_run_id
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.rows import Rows
from penstock.core.values.expressions import Expression
from penstock.core.values.texts import text_of
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, type_name

_FAILURES: Final = {
    Code.SPEC_UNKNOWN: FailureName.CHILD_FAILURE,
    Code.LIMIT: FailureName.LIMIT,
}
"""What a refusal of the start means; any other is of what the run was given."""


def arrive(at: At) -> Outcome:
    """Start the run."""
    config = cast(RunChildWfNode, at.config)
    name = _name(at, config)
    inputs: dict[str, Value] = {}
    masked: list[str] = []
    for given in sorted(config.inputs):
        inputs[given] = at.evaluate(config.inputs[given], given)
        masked += [given] if at.masked else []
    labels = _labels(at, config)
    run_id = child_run_id(at.run.wf_run_id, *at.seed())
    start = starting.Start(
        wf_spec=name,
        version=config.version,
        major=config.major,
        variables=inputs,
        labels=labels,
        masked=tuple(masked),
        parent=at.run.wf_run_id,
    )
    try:
        starting.start_run(at.turn, start, run_id, b"")
    except Reject as rejection:
        failure = _FAILURES.get(rejection.code, FailureName.VAR_SUB_ERROR)
        quotes = bool(masked) and rejection.code is Code.BAD_VALUE
        return Failed(Failure(failure, NOT_SHOWN if quotes else rejection.message))
    return Done(run_id)


def _labels(at: At, config: RunChildWfNode) -> dict[str, str]:
    """Those of the run itself (`system.`) are not handed down. Everybody sees labels: what is
    masked can be none.
    """
    above = at.run.labels if config.inherit_labels else {}
    labels = {name: text for name, text in above.items() if not name.startswith("system.")}
    for name in sorted(config.labels):
        value = at.evaluate(config.labels[name], f"label {name!r}")
        label = text_of(value)
        if at.masked:
            raise ValueProblem(f"label {name!r}: everybody would see a masked value")
        if label is None:
            raise ValueProblem(f"label {name!r}: {type_name(value)} is no text")
        labels[name] = label
    return labels


def _name(at: At, config: RunChildWfNode) -> str:
    if config.wf_spec is not None:
        return config.wf_spec
    assert config.dynamic_wf_spec is not None, "the check has seen to it"
    name = at.evaluate(config.dynamic_wf_spec, "dynamic_wf_spec")
    if not isinstance(name, str):
        raise ValueProblem(f"dynamic_wf_spec: {type_name(name)} is no name")
    return name


def check(check: NodeCheck) -> None:
    """The spec exists and gets what it wants; of a dynamic one only the run can tell."""
    config = cast(RunChildWfNode, check.config)
    if (config.wf_spec is None) == (config.dynamic_wf_spec is None):
        check.fault(
            FaultKind.CHILD_CHOICE, "a RUN_CHILD_WF has either a wf_spec or a dynamic_wf_spec"
        )
    if config.version is not None and config.major is not None:
        check.fault(
            FaultKind.CHILD_CHOICE, "a RUN_CHILD_WF has either a version or a major one, or neither"
        )
    elif config.wf_spec is not None:
        check.starts_run(config.wf_spec, config.version, config.major, config.inputs)


def pin(config: NodeConfig, rows: Rows, tenant: str) -> NodeConfig:
    """Name the major version, so that a breaking change of the child does not reach this spec: if
    it does not name the one version that it means.
    """
    node = cast(RunChildWfNode, config)
    major = node.major
    if node.wf_spec is not None and node.version is None and major is None:
        major = starting.newest_major(rows, tenant, node.wf_spec)
    return replace(node, major=major)


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The name, the inputs and the labels."""
    node = cast(RunChildWfNode, config)
    if node.dynamic_wf_spec is not None:
        yield node.dynamic_wf_spec
    yield from node.inputs.values()
    yield from node.labels.values()


NODE = NodeType(
    "RUN_CHILD_WF", RunChildWfNode, arrive, check=check, pin=pin, expressions=expressions
)
