"""What is wrong with a WfSpec that is to be registered."""

from __future__ import annotations

from typing import Final

from penstock.core.values.types import DefinitionMissing, ValueProblem

FAULTS_MAX: Final = 20


class Faults:
    """Texts, in the order in which the faults are found; `is_wrong` if the spec has to be changed
    and not only has come before the definitions that it names.
    """

    def __init__(self) -> None:
        self.is_wrong = False
        self._texts: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._texts)

    def __str__(self) -> str:
        return "; ".join(self._texts)

    def add(self, text: str) -> None:
        """The spec is wrong."""
        self.is_wrong = True
        self._keep(text)

    def missing(self, text: str) -> None:
        """A definition is not registered, and may be a moment later."""
        self._keep(text)

    def problem(self, where: str, problem: ValueProblem) -> None:
        """One of the two: the problem knows which."""
        keep = self.missing if isinstance(problem, DefinitionMissing) else self.add
        keep(f"{where}{problem}")

    def _keep(self, text: str) -> None:
        if len(self._texts) < FAULTS_MAX:
            self._texts.append(text)
