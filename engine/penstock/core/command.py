"""What every command is made of: the record a client sends, where it must go, and what is done with
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec import Struct

from penstock.core.state.first_answer import FirstAnswer
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

Handler = Callable[[Turn, Any], Value]
"""Does a command; what it returns is the body of the answer."""


class Repeats(Enum):
    """How a command that is sent again is known (R12)."""

    OWN_ROWS = "own rows"  # by the rows it made: by `CommandType.first`, or by its handler
    REMEMBERED = "remembered"  # by (tenant, command_id), for a window of log time
    HARMLESS = "harmless"  # doing it again changes nothing that matters


class Sender(Enum):
    """Who may send a command."""

    CLIENT = "client"
    ENGINE = "engine"


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of all commands. The Avro schema in schemas/command is made from the fields."""


@dataclass(frozen=True, slots=True)
class CommandType:
    """A command: its record, its handler, who may send it, and how repeats are known.

    `key` gives the record key: what decides the partition. None stands for partition 0, where
    metadata is decided; engine commands are sent to a named partition. `first` finds the first
    answer with the rows that such a command made; its handler only comes to others. An operator's
    verb on a run is `audited`: the run keeps who did what, and when.
    """

    record: type[Command]
    handle: Handler
    key: Callable[[Any], str | None]
    repeats: Repeats = Repeats.REMEMBERED
    sender: Sender = Sender.CLIENT
    audited: bool = False
    first: Callable[[Turn, Any], FirstAnswer | None] | None = None


def of_wf_run(command: Any) -> str | None:
    """The key of a command to a run, or to start one: any id of its family will do."""
    return getattr(command, "parent", None) or command.wf_run_id


def of_partition_0(_: Any) -> str | None:
    """Decided on partition 0."""
    return None
