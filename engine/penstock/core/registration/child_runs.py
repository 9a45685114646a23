"""A spec that runs itself: seen once it has its number, since a child follows a major version."""

from __future__ import annotations

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.faults import Faults
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.nodes import RunChildWfNode
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.registration.constants import is_passed_by
from penstock.core.registration.control_flow import passed_on_all_ways, threads_begun
from penstock.core.registration.graphs import by_end


def check_child_runs(spec: WfSpec, faults: Faults) -> None:
    """A fault if each run of this version runs another one of it, before it can wait or end. Runs
    that wait for a place, or get none, come to an end of that.
    """
    if spec.body.limit is not None:
        return
    always: dict[str, list[str]] = {}  # threads that do, and where

    def runs_itself(config: NodeConfig) -> bool:
        return _runs(config, spec) or any(name in always for name in threads_begun(config))

    for name in by_end(_starts(spec)):  # those that are started before those that start them
        nodes = passed_on_all_ways(spec.body.threads[name], runs_itself)
        if nodes:
            always[name] = nodes
    for node in always.get(spec.body.entrypoint, ()):
        faults.add(
            FaultKind.ENDLESS_CHILD_RUNS,
            f"every run of {spec.name!r} comes here before it waits or ends, and so runs itself for"
            " ever: put a condition before",
            thread=spec.body.entrypoint,
            node=node,
        )


def _starts(spec: WfSpec) -> dict[str, list[str]]:
    return {
        name: [other for config in thread.nodes.values() for other in threads_begun(config)]
        for name, thread in spec.body.threads.items()
    }


def _runs(config: NodeConfig, spec: WfSpec) -> bool:
    """Whether a node runs this version, or one that will come after it."""
    if not isinstance(config, RunChildWfNode) or is_passed_by(config) is not False:
        return False
    if config.wf_spec != spec.name:
        return False
    if config.version is not None:
        return config.version == spec.version
    return config.major in (None, spec.major)
