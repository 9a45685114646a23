"""Who reads a topic: the members of a group, as a log knows them."""

from msgspec import Struct


class Reading(Struct, frozen=True):
    """A member: how its client calls itself, where it is, and how many partitions it reads."""

    client_id: str
    host: str
    partitions: int
