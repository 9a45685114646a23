"""Who owns which partition of `commands`: the members of the engine's group, as its coordinator
knows them.

A member's client id is the URL on which its node listens for others, and the fold version that it
is ready for. So the assignment that Kafka keeps anyway is the directory, and there is no second one
that could say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.limits import FIRST_FOLD_VERSION
from penstock.log.kafka.groups import KafkaGroups
from penstock.log.port import Assigned

ASK_TIMEOUT_S: Final = 3.0
READY: Final = "#fold-"


def member_name(url: str, fold_version: int) -> str:
    """The client id of a node."""
    return f"{url}{READY}{fold_version}"


def _known_by(client_id: str) -> tuple[str, int]:
    """The URL of a node, and the fold version that it is ready for; one that says nothing is not
    ready for any that may come.
    """
    url, _, version = client_id.partition(READY)
    return url, int(version) if version.isdecimal() else FIRST_FOLD_VERSION


class KafkaOwners:
    """See port.Owners."""

    def __init__(
        self, bootstrap: str, *, settings: Mapping[str, str], group: str, commands: str
    ) -> None:
        self._group = group
        self._commands = commands
        self._groups = KafkaGroups(bootstrap, settings)

    def ask(self) -> Assigned:
        """Who has what now. While the group settles, some may have nothing yet."""
        members = self._groups.members(self._group, ASK_TIMEOUT_S)
        urls: dict[int, str] = {}
        ready: list[int] = []
        there: set[str] = set()
        for member in members:
            url, version = _known_by(member.client_id)
            there.add(url)
            ready.append(version)
            for one in () if member.assignment is None else member.assignment.topic_partitions:
                if one.topic == self._commands:
                    urls[one.partition] = url
        return Assigned(urls, frozenset(there), min(ready, default=None))
