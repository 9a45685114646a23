"""RUN_CHILD_WF: starts a run of a WfSpec below this one, on the same partition and in the same
turn, and goes on at once. Its output is the child's id.
"""

from collections.abc import Iterator
from typing import cast

from msgspec.structs import replace

from penstock.core import starting  # a module: it needs the spec, which imports the nodes
from penstock.core.at import At
from penstock.core.errors import Code, Reject
from penstock.core.expressions import Expression
from penstock.core.failures import Failure, FailureName
from penstock.core.ids import child_run_id
from penstock.core.limits import FAMILY_DEPTH_MAX
from penstock.core.node import NodeConfig, NodeType
from penstock.core.node_check import NodeCheck
from penstock.core.outcomes import Done, Failed, Outcome
from penstock.core.rows import Rows
from penstock.core.types import ValueProblem
from penstock.core.values import type_name


class RunChildWfNode(NodeConfig, tag="RUN_CHILD_WF", frozen=True):
    """Which WfSpec, by name or by an expression, and what it is given: the newest revision of its
    major version, or the newest version if none is named.
    """

    OUTPUT = "WF_RUN_ID"

    wf_spec: str | None = None
    dynamic_wf_spec: Expression | None = None
    major: int | None = None
    inputs: dict[str, Expression] = {}


def arrive(at: At) -> Outcome:
    """Start the run."""
    config = cast(RunChildWfNode, at.config)
    name = _name(at, config)
    inputs = {given: at.evaluate(config.inputs[given], given) for given in sorted(config.inputs)}
    run_id = child_run_id(at.run.wf_run_id, *at.seed())
    if run_id.count(".") > FAMILY_DEPTH_MAX:
        message = f"runs may stand {FAMILY_DEPTH_MAX} deep below each other"
        return Failed(Failure(FailureName.LIMIT, message))
    start = starting.Start(
        wf_spec=name, major=config.major, variables=inputs, parent=at.run.wf_run_id
    )
    try:
        starting.start_run(at.turn, start, run_id, b"")
    except Reject as rejection:
        missing = rejection.code is Code.SPEC_UNKNOWN
        failure = FailureName.CHILD_FAILURE if missing else FailureName.VAR_SUB_ERROR
        return Failed(Failure(failure, rejection.message))
    return Done(run_id)


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
        check.fault("a RUN_CHILD_WF has either a wf_spec or a dynamic_wf_spec")
    if config.wf_spec is not None:
        check.starts_run(config.wf_spec, config.major, config.inputs)


def pin(config: NodeConfig, rows: Rows, tenant: str) -> NodeConfig:
    """Name the major version, so that a breaking change of the child does not reach this spec."""
    node = cast(RunChildWfNode, config)
    major = node.major
    if node.wf_spec is not None and major is None:
        major = starting.newest_major(rows, tenant, node.wf_spec)
    return replace(node, major=major)


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The name and the inputs."""
    node = cast(RunChildWfNode, config)
    if node.dynamic_wf_spec is not None:
        yield node.dynamic_wf_spec
    yield from node.inputs.values()


NODE = NodeType(
    "RUN_CHILD_WF", RunChildWfNode, arrive, check=check, pin=pin, expressions=expressions
)
