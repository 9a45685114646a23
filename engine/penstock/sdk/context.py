"""What a task's function may ask of the attempt that it is: its ids, and a place for its log."""

from __future__ import annotations

from typing import Final

from penstock.core.limits import ATTEMPT_LOGS_CHARS_MAX

_CUT: Final = "\n... (cut)"


class TaskContext:
    """One attempt. A task's function gets it in the parameter that is annotated with this class.

    `idempotency_key` is the same in every retry of the same task: pass it to what must not happen
    twice.
    """

    __slots__ = ("_chars", "_lines", "attempt", "guid", "max_attempts", "wf_run_id")

    def __init__(
        self, wf_run_id: str = "local", guid: str = "local", attempt: int = 1, max_attempts: int = 1
    ) -> None:
        self.wf_run_id = wf_run_id
        self.guid = guid
        self.attempt = attempt
        self.max_attempts = max_attempts
        self._lines: list[str] = []
        self._chars = 0

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this task, and for no other task."""
        return self.guid

    def log(self, text: object) -> None:
        """Add a line to the attempt's log, which travels with the report; what exceeds 64 KiB is
        dropped.
        """
        line = str(text)
        if self._chars <= ATTEMPT_LOGS_CHARS_MAX:
            self._lines.append(line)
            self._chars += len(line) + 1

    @property
    def logs(self) -> str:
        """All that was logged so far, bounded."""
        if not self._lines:
            return ""
        text = "\n".join(self._lines)
        if len(text) <= ATTEMPT_LOGS_CHARS_MAX:
            return text
        return text[: ATTEMPT_LOGS_CHARS_MAX - len(_CUT)] + _CUT
