"""Task queues: what waits in each for a worker."""

from __future__ import annotations

from typing import Final

from penstock.contracts.answers.definitions import QueueShown
from penstock.sdk.api import Call, Exchange, below
from penstock.sdk.connection import Feed
from penstock.sdk.subject import C, Subject, asks, lists

PATH: Final = "/v1/task-queues"


class TaskQueues(Subject[C]):
    """`client.task_queues`."""

    @lists
    def list(self) -> Feed[QueueShown]:
        """The queues of all TaskDefs, by name: how many tasks wait in each, and since when the
        oldest does.
        """
        return self._pages(QueueShown, Call(method="GET", path=PATH))

    @asks
    def get(self, task_def: str) -> Exchange[QueueShown]:
        """The queue of a TaskDef: how many tasks wait in it, and since when the oldest does."""
        return self._ask(QueueShown, Call(method="GET", path=below(PATH, task_def)))
