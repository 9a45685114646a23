"""Who owns which partition of `commands`: the members of the engine's group, as its coordinator
knows them.

A member's client id is the URL on which its node listens for others. So the assignment that Kafka
keeps anyway is the directory, and there is no second one that could say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.log.kafka.groups import KafkaGroups
from penstock.log.port import Assigned

ASK_TIMEOUT_S: Final = 3.0


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
        for member in members:
            for one in () if member.assignment is None else member.assignment.topic_partitions:
                if one.topic == self._commands:
                    urls[one.partition] = member.client_id
        return Assigned(urls, frozenset(member.client_id for member in members))
