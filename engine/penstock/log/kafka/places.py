"""How far each partition of `commands` that is ours was read: what comes is taken, or dropped.

Offsets may have holes, and a log may end in some: transactions of others leave markers that are no
records. The client says where it has come to an end, so that nobody has to guess from silence that
nothing is left; a leader that is away is silent, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import KafkaError
from confluent_kafka import Message as KafkaMessage

from penstock.log.kafka.clients import HOPELESS, log_error, logger, record_of
from penstock.log.port import Gone, Record

TELLS_ENDS: Final = {"enable.partition.eof": True}
"""What the client needs for that."""


class Places:
    """Used within `poll`. `first` is the first record of a partition at or after an offset, and
    `seek` has the client read from one.
    """

    def __init__(
        self,
        commands: str,
        first: Callable[[int, int], Record | None],
        seek: Callable[[int, int], None],
    ) -> None:
        self.owned: dict[int, int | None] = {}  # partition -> next offset, None while paused
        self.read_out: dict[int, int] = {}  # the newest end since it was read from somewhere
        self._gone: dict[int, Gone] = {}  # what is to be told of them
        self._unproved: set[int] = set()  # nothing has come yet since it was read from somewhere
        self._commands = commands
        self._first = first
        self._seek = seek

    def read_from(self, number: int, next_offset: int) -> None:
        """Take what lies here or later."""
        self.owned[number] = next_offset
        self._gone.pop(number, None)
        self._unproved.add(number)
        self.read_out.pop(number, None)

    def forget(self, numbers: Sequence[int]) -> None:
        """These are not ours any more."""
        for number in numbers:
            self.owned.pop(number, None)
            self._gone.pop(number, None)
            self._unproved.discard(number)
            self.read_out.pop(number, None)

    def gone(self) -> Gone | None:
        """What an earlier poll has met, once: others may have come with it, and were handed on."""
        return self._gone.popitem()[1] if self._gone else None

    def take(self, message: KafkaMessage) -> Record | None:
        """A record that is to be read now; None if it is none, or is to be dropped."""
        error = message.error()
        if error is not None:
            self._take_error(message, error)
            return None
        record = record_of(message)
        asked = self.owned.get(record.partition)
        if asked is None or record.offset < asked:
            return None
        if not self._is_next(record.partition, record.offset, asked, is_record=True):
            return None
        self.owned[record.partition] = record.offset + 1
        return record

    def _is_next(self, number: int, offset: int, asked: int, *, is_record: bool) -> bool:
        """Whether nothing was passed over between `read_from` and the first record, or the end.

        Offsets may have holes, but what comes of an earlier epoch and slips through would look the
        same, and all before it would be lost. It is rare, so the broker can be asked.
        """
        if number not in self._unproved:
            return True
        if offset > asked:
            first = self._first(number, asked)
            if first is None:
                is_next = not is_record
            else:
                is_next = first.offset == offset if is_record else first.offset >= offset
            if not is_next:
                logger.warning("what came of partition %d was stale: dropped", number)
                self._seek(number, asked)
                return False
        self._unproved.discard(number)
        return True

    def _take_error(self, message: KafkaMessage, error: KafkaError) -> None:
        number = message.partition()
        asked = None if number is None else self.owned.get(number)
        if error.code() == KafkaError._PARTITION_EOF:
            self._take_end(message, asked)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            if number is not None and asked is not None:
                told = f"partition {number} can not be read from {asked}: {error.str()}"
                self._gone[number] = Gone(number, told)
                self.owned[number] = None
        elif error.fatal() or error.code() in HOPELESS:
            raise log_error(f"reading {self._commands}", error)
        else:  # librdkafka tries again
            logger.info("reading %s: %s", self._commands, error)

    def _take_end(self, message: KafkaMessage, asked: int | None) -> None:
        """All that there was has come before this; what lies between is no record."""
        number, end = message.partition(), message.offset()
        assert number is not None and end is not None
        if asked is None or end < asked:
            return
        if end == asked or self._is_next(number, end, asked, is_record=False):
            self.read_out[number] = end
