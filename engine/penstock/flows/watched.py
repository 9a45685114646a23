"""A trigger of type flow: which ends of other flows it waits for. What Kestra says in conditions
and preconditions is read where it means one flow, or one namespace, with states and labels; what
waits for several flows, or for a time, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock.flows.checked import Checked, is_template
from penstock.flows.document import Mark, Node
from penstock.flows.model import Watched

END_STATES: Final = ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED")
CONDITIONS: Final[dict[str, tuple[str, ...]]] = {
    "ExecutionFlow": ("namespace", "flowId"),
    "ExecutionNamespace": ("namespace", "comparison", "prefix"),
    "ExecutionStatus": ("in", "notIn"),
    "ExecutionLabels": ("labels",),
}
"""The conditions that are read, by the last part of their names, and what they take."""

UPSTREAM: Final = ("namespace", "flowId", "states", "labels")
PRECONDITIONS: Final = ("id", "flows")
_SEVERAL: Final = "a run is started by one end: give each flow a trigger of its own"


class WatchedReader(Checked):
    """Reads it, from all the places where something may be said of it."""

    def watched_of(self, item: Node, name: str) -> Watched:
        """What a trigger waits for."""
        made, before = _Made(self.wrong), len(self.mistakes)
        if "namespace" in item.fields:
            self._flow(made, item)
        made.states(item, self.states_of(item.fields.get("states")))
        made.labels |= self.labels_wanted(item.fields.get("labels"))
        preconditions = item.fields.get("preconditions")
        if preconditions is not None and self.is_mapping(preconditions, "preconditions"):
            self._preconditions(made, preconditions)
        for condition in self.items_of(item.fields.get("conditions"), "conditions"):
            if self.is_mapping(condition, "a condition"):
                self._condition(made, condition)
        if made.namespace is None and len(self.mistakes) == before:
            self.wrong(item.mark, f"trigger {name!r} wants a namespace, and a flowId if it is one")
        return made.watched()

    def states_of(self, node: Node | None) -> tuple[str, ...] | None:
        """States in which a run can end; None if nothing is said."""
        if node is None:
            return None
        items = self.items_of(node, "states")
        if not items:
            self.wrong(node.mark, "states are empty: leave them out for any")
        found = {str(item.value).upper(): item for item in items}
        unknown = [state for state in found if state not in END_STATES]
        for state in unknown:
            said = f"{state[:40]!r} is no end; states are some of {', '.join(END_STATES)}"
            self.wrong(found[state].mark, said)
        return None if unknown or not found else tuple(found)

    def labels_wanted(self, node: Node | None) -> dict[str, str]:
        """Labels that the other run must have: by name, or a list of {key, value}."""
        if node is None:
            return {}
        pairs = dict(node.fields)
        for item in node.items:
            if {*item.fields} == {"key", "value"}:
                pairs[str(item.fields["key"].value)] = item.fields["value"]
            else:
                self.wrong(item.mark, "a label is {key: ..., value: ...}")
        if not pairs and not node.items:
            self.wrong(node.mark, f"labels are texts by name, not {node.kind}")
        for key, value in pairs.items():
            if value.items or value.fields or value.value is None or is_template(value.value):
                self.wrong(value.mark, f"label {key!r} is a text, and no template")
        return {
            key: value.value if isinstance(value.value, str) else str(value.value).lower()
            for key, value in pairs.items()
        }

    def _flow(self, made: _Made, node: Node) -> None:
        """A namespace, and a flow of it if one is named."""
        namespace = self._name(node, "namespace")
        flow_id = self._name(node, "flowId") if "flowId" in node.fields else None
        made.flow(node.mark, namespace, flow_id)

    def _name(self, node: Node, key: str) -> str:
        found = self.text_of(node, key) or ""
        if not found:
            self.wrong(
                node.fields[key].mark if key in node.fields else node.mark, f"{key} is empty"
            )
        elif is_template(found):
            self.wrong(node.fields[key].mark, f"{key} is no template")
        return found

    def _preconditions(self, made: _Made, node: Node) -> None:
        for key in node.fields:
            if key not in PRECONDITIONS:
                said = f"preconditions have no {key!r} here, only flows: {_SEVERAL}"
                self.wrong(node.keys[key], said)
        flows = self.items_of(node.fields.get("flows"), "flows")
        if len(flows) != 1:
            where = node.fields["flows"].mark if "flows" in node.fields else node.mark
            self.wrong(
                where, f"preconditions want flows with one item, not {len(flows)}: {_SEVERAL}"
            )
        for item in flows[:1]:
            if not self.is_mapping(item, "an item of flows"):
                continue
            self.known_keys(item, UPSTREAM, "an item of flows")
            if "namespace" in item.fields:
                self._flow(made, item)
            made.states(item, self.states_of(item.fields.get("states")))
            made.labels |= self.labels_wanted(item.fields.get("labels"))

    def _condition(self, made: _Made, node: Node) -> None:
        kind = (self.text_of(node, "type") or "").rpartition(".")[2].removesuffix("Condition")
        known = CONDITIONS.get(kind)
        if known is None:
            where = node.fields["type"].mark if "type" in node.fields else node.mark
            said = f"condition {kind[:60]!r} is not known; use {', '.join(CONDITIONS)}"
            self.wrong(where, said)
            return
        self.known_keys(node, ("type", *known), f"a condition {kind}")
        match kind:
            case "ExecutionFlow":
                for key in known:
                    if key not in node.fields:
                        self.wrong(node.mark, f"a condition {kind} wants {key}")
                if {*known} <= node.fields.keys():
                    self._flow(made, node)
            case "ExecutionNamespace":
                self._namespace(made, node)
            case "ExecutionStatus":
                self._status(made, node)
            case _:
                made.labels |= self.labels_wanted(node.fields.get("labels"))

    def _namespace(self, made: _Made, node: Node) -> None:
        how = (self.text_of(node, "comparison") or "EQUALS").upper()
        if how not in ("EQUALS", "PREFIX"):
            self.wrong(node.fields["comparison"].mark, "comparison is EQUALS or PREFIX")
        namespace = self._name(node, "namespace")
        below = how == "PREFIX" or self.flag_of(node, "prefix")
        made.flow(node.mark, namespace, None, below=below)

    def _status(self, made: _Made, node: Node) -> None:
        wanted = self.states_of(node.fields.get("in"))
        unwanted = self.states_of(node.fields.get("notIn"))
        if wanted is None and unwanted is None:
            self.wrong(node.mark, "a condition ExecutionStatus wants in, or notIn")
        made.states(node, wanted)
        if unwanted is not None:
            made.states(node, tuple(state for state in END_STATES if state not in unwanted))


class _Made:
    """What has been said so far; all of it must hold."""

    def __init__(self, wrong: Callable[[Mark, str], None]) -> None:
        self.namespace: str | None = None
        self.labels: dict[str, str] = {}
        self._flow_id: str | None = None
        self._below = False
        self._states: tuple[str, ...] = END_STATES
        self._wrong = wrong

    def flow(self, mark: Mark, namespace: str, flow_id: str | None, *, below: bool = False) -> None:
        """A flow, or a namespace; it is said once."""
        if self.namespace is not None:
            self._wrong(mark, f"which flow it is was said before: {_SEVERAL}")
            return
        self.namespace, self._flow_id, self._below = namespace, flow_id, below

    def states(self, node: Node, wanted: tuple[str, ...] | None) -> None:
        """The end must be in one of these, too."""
        if wanted is None:
            return
        self._states = tuple(state for state in self._states if state in wanted)
        if not self._states:
            self._wrong(node.mark, "there is no state that all of this allows")

    def watched(self) -> Watched:
        """All of it; any state is none."""
        states = () if self._states == END_STATES else self._states
        return Watched(self.namespace or "", self._flow_id, self._below, states, self.labels)
