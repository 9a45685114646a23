"""Dead letters: records that could not be handled or delivered."""

from __future__ import annotations

from typing import Final

from penstock.contracts.answers.dead_letters import DeadLetterRead, DeadLetterRetried, DeadLetters
from penstock.sdk.api import Call, Exchange, given
from penstock.sdk.subject import C, Subject, asks

PATH: Final = "/v1/dead-letters"


class Letters(Subject[C]):
    """`client.dead_letters`."""

    @asks
    def newest(self, *, code: str | None = None, limit: int = 100) -> Exchange[DeadLetters]:
        """The newest, newest first, all or those with a code; and how many there are."""
        asked = given(code=code, limit=limit)
        return self._ask(DeadLetters, Call(method="GET", path=PATH, params=asked))

    @asks
    def get(self, number: int) -> Exchange[DeadLetterRead]:
        """One, with its bytes read as far as can be."""
        return self._ask(DeadLetterRead, Call(method="GET", path=f"{PATH}/{number}"))

    @asks
    def retry(self, number: int) -> Exchange[DeadLetterRetried]:
        """Append the bytes of one again, where that makes sense. It has no id by which it would be
        known again, so this is not sent twice if the connection breaks.
        """
        return self._ask(DeadLetterRetried, Call(method="POST", path=f"{PATH}/{number}/retry"))
