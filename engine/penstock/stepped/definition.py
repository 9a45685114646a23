"""A workflow definition: the tasks of an application, one after another."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from penstock.core.limits import DURATION_MS_MAX, MAX_ATTEMPTS_MAX, TASK_TIMEOUT_MS_DEFAULT
from penstock.core.state.backoff import Backoff

BACKOFF: Final = Backoff(base_ms=5_000, multiplier=4.0, jitter=0.2)
"""5 s, 20 s, 80 s and 5 min 20 s between five attempts, less up to a fifth of it."""
ATTEMPTS: Final = 5


class Retry(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How often a task is tried in all, and how long is waited between two attempts (not at all, if
    `backoff` is null).
    """

    max_attempts: Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS_MAX)] = ATTEMPTS
    backoff: Backoff | None = BACKOFF


class Step(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One task of a workflow. `step` tells it apart from others of the same task; without a retry
    of its own it has the workflow's.
    """

    task: str
    step: str | None = None
    retry: Retry | None = None
    timeout_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] = TASK_TIMEOUT_MS_DEFAULT

    @property
    def name(self) -> str:
        """What the step is known by."""
        return self.task if self.step is None else self.step


class WorkflowDefinition(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an application wants done: each task must succeed before the next begins. Names are in
    kebab-case. Without tasks there is one, `send-webhook`.
    """

    name: str
    application: str
    tasks: tuple[str | Step, ...] = ()
    retry: Retry = Retry()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The tasks, each as a step."""
        given = self.tasks or (SEND_WEBHOOK,)
        return tuple(Step(task) if isinstance(task, str) else task for task in given)


SEND_WEBHOOK: Final = "send-webhook"
"""The task that a workflow has if it names none: it posts to its application's address."""
