"""Updates: what is asked of a run itself, which checks it, acts on it and answers."""

from __future__ import annotations

from typing import Any, Final

from penstock.core.state.transitions import THREAD_LIVE
from penstock.sdk import hints
from penstock.sdk.api import Exchange, new_command_id
from penstock.sdk.calls.run_verbs import RunVerbs
from penstock.sdk.deadline import Deadline
from penstock.sdk.errors import Unanswered
from penstock.sdk.subject import C, asks
from penstock.sdk.updates import ANSWERED, Update

LOOK_S: Final = 5.0  # so long at most it is not noticed that the run has ended


class Updates(RunVerbs[C]):
    """A run that answers."""

    @asks
    def update(
        self,
        name: str,
        content: Any = None,
        *,
        guid: str | None = None,
        timeout: float | None = None,
    ) -> Exchange[Any]:
        """Put an event to the run and wait for what the workflow answers, with `answer()`.

        Raises ResultTimeout if it has not answered in time: with the same `guid` the same update
        may be asked for again, and is done once. Unanswered if the run has ended without.

        >>> @workflow
        ... def parcel(address: str) -> str:
        ...     def move(asked: Update) -> None:
        ...         assign(address, asked["content"])
        ...         answer(asked, "moved")
        ...
        ...     on_event("move", move)
        ...     wait_for_event("delivered")
        ...     return address
        >>> engine.register(parcel)
        >>> engine.run(parcel, address="here").update("move", "there", timeout=30)
        'moved'
        """
        asked_for = f"update {name!r} of run"
        deadline = Deadline(timeout, self.id, what=asked_for, awaited="been answered")
        guid = guid or new_command_id()
        asked = Update(update=guid, content=hints.to_json(content, None))
        yield from deadline.keep(self._put_event(name, asked, guid))
        following, answer_at = 0, None
        while True:
            ended = (yield from deadline.keep(self._status())) not in THREAD_LIVE
            wait_s = 0.0 if ended else deadline.left_s(LOOK_S)
            thrown = yield from deadline.keep(self._thrown([ANSWERED], following, wait_s))
            following = thrown.following
            for event in thrown.items:
                if (event.thread, event.position) == answer_at:
                    return event.content
                if event.content == guid:
                    answer_at = event.thread, event.position + 1
            if ended and not (thrown.items or thrown.truncated):
                raise Unanswered(self.id, name)
            deadline.check()
