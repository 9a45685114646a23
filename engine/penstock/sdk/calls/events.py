"""Events that lie under a key of yours, for whichever run waits for that key."""

from __future__ import annotations

from typing import Any, Unpack

from penstock.contracts.answers.events import CorrelatedEventShown
from penstock.contracts.answers.told import EventPut
from penstock.contracts.filters import CorrelatedEventFilters
from penstock.sdk import hints
from penstock.sdk.api import Call, Exchange, below, command, filters, given, new_command_id
from penstock.sdk.connection import Feed
from penstock.sdk.subject import C, Subject, asks, lists

PATH = "/v1/correlated-events"


class Events(Subject[C]):
    """`client.events`. Events for a run by its id are put to its handle.

    >>> from penstock.sdk.api import Call
    >>> path, params = "/v1/external-event-defs", {"wait": "all"}
    >>> event = {"name": "paid-for", "correlation": {"ttl_seconds": 600}}
    >>> _ = client.call(Call(method="PUT", path=path, body=event, params=params))
    >>> _ = client.events.put("paid-for", "order-17", {"cents": 1200})
    >>> client.events.get("paid-for", "order-17").content
    {'cents': 1200}
    """

    @asks
    def put(
        self,
        name: str,
        key: str,
        content: Any = None,
        *,
        guid: str | None = None,
        ttl_seconds: int | None = None,
    ) -> Exchange[str]:
        """Put an event under a key: a run that waits for it gets it, now or later. Its guid, which
        makes it idempotent if it is given.
        """
        guid = guid or new_command_id()
        body = given(event_def=name, key=key, guid=guid, ttl_seconds=ttl_seconds)
        body["content"] = hints.to_json(content, None)
        return self._put(command("POST", PATH, body, of=_of(key)))

    @asks
    def get(self, name: str, key: str) -> Exchange[CorrelatedEventShown]:
        """The event that lies under a key; NotFound if it has been taken, or is over time."""
        return self._ask(
            CorrelatedEventShown, Call(method="GET", path=_path(name, key), of=_of(key))
        )

    @lists
    def list(self, **which: Unpack[CorrelatedEventFilters]) -> Feed[CorrelatedEventShown]:
        """The events that lie under keys, by definition and key."""
        call = Call(method="GET", path=PATH, params=filters(which))
        return self._pages(CorrelatedEventShown, call)

    @asks
    def delete(self, name: str, key: str) -> Exchange[str]:
        """Take an event away from its key; its guid."""
        return self._put(command("DELETE", _path(name, key), None, of=_of(key)))

    def _put(self, call: Call) -> Exchange[str]:
        return (yield from self._ask(EventPut, call)).guid


def _path(name: str, key: str) -> str:
    return below(PATH, name, key)


def _of(key: str) -> str:
    return f"key {key}"
