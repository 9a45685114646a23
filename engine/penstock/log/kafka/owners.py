"""Who owns which partition of `commands`: the members of the engine's group, as its coordinator
knows them.

A member's client id is the URL on which its node listens for others. So the assignment that Kafka
keeps anyway is the directory, and there is no second one that could say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka import admin as _admin

from penstock.log.kafka.clients import client_settings, error_of, log_error
from penstock.log.port import Assigned

admin: Any = _admin
ASK_TIMEOUT_S: Final = 3.0


class KafkaOwners:
    """See port.Owners."""

    def __init__(
        self, bootstrap: str, *, settings: Mapping[str, str], group: str, commands: str
    ) -> None:
        self._group = group
        self._commands = commands
        self._admin: Any = admin.AdminClient(client_settings(bootstrap, settings))

    def ask(self) -> Assigned:
        """Who has what now. While the group settles, some may have nothing yet."""
        try:
            asked = self._admin.describe_consumer_groups(
                [self._group], request_timeout=ASK_TIMEOUT_S
            )
            found = asked[self._group].result()
        except KafkaException as raised:
            raise log_error("asking for the group's members", error_of(raised)) from raised
        urls: dict[int, str] = {}
        for member in found.members:
            for one in () if member.assignment is None else member.assignment.topic_partitions:
                if one.topic == self._commands:
                    urls[one.partition] = member.client_id
        return Assigned(urls, frozenset(member.client_id for member in found.members))
