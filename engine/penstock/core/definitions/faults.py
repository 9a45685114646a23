"""What is wrong with a WfSpec that is to be registered."""

from __future__ import annotations

from typing import Final

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.errors import Fault
from penstock.core.values.types import DefinitionMissing, ValueProblem

FAULTS_MAX: Final = 20
NAME_CHARS_MAX: Final = 128
SENTENCE_CHARS_MAX: Final = 500


class Faults:
    """Faults in the order in which they are found, those first that need a change of the spec: it
    `is_wrong` if there is one, and has not only come before the definitions that it names.
    """

    def __init__(self) -> None:
        self._wrong: list[Fault] = []
        self._missing: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._wrong or self._missing)

    def __str__(self) -> str:
        return "; ".join(f"{_where(fault)}{fault.message}" for fault in self.found)

    @property
    def is_wrong(self) -> bool:
        """Whether the spec has to be changed."""
        return bool(self._wrong)

    @property
    def wrong(self) -> tuple[Fault, ...]:
        """Those for which the spec has to be changed."""
        return tuple(self._wrong)

    @property
    def found(self) -> tuple[Fault, ...]:
        """As many as are told."""
        return tuple([*self._wrong, *self._missing][:FAULTS_MAX])

    def add(self, kind: FaultKind, message: str, *, thread: str = "", node: str = "") -> None:
        """The spec is wrong."""
        _keep(self._wrong, kind, message, thread, node)

    def missing(self, kind: FaultKind, message: str, *, thread: str = "", node: str = "") -> None:
        """A definition is not registered, and may be a moment later."""
        _keep(self._missing, kind, message, thread, node)

    def problem(
        self, kind: FaultKind, problem: ValueProblem, what: str, *, thread: str = "", node: str = ""
    ) -> None:
        """One of the two: the problem knows which."""
        if isinstance(problem, DefinitionMissing):
            kind, keep = FaultKind.STRUCT_DEF_UNKNOWN, self.missing
        else:
            keep = self.add
        keep(kind, f"{what}{problem}", thread=thread, node=node)


def _where(fault: Fault) -> str:
    if not fault.thread:
        return ""
    return f"thread {fault.thread!r}" + (f", node {fault.node!r}" if fault.node else "") + ": "


def _keep(faults: list[Fault], kind: FaultKind, message: str, thread: str, node: str) -> None:
    """Names are the client's, and of any length."""
    if len(faults) < FAULTS_MAX:
        where = thread[:NAME_CHARS_MAX], node[:NAME_CHARS_MAX]
        faults.append(Fault(kind, message[:SENTENCE_CHARS_MAX], *where))
