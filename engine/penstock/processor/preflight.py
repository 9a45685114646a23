"""What a node does before it takes part: it looks at what it stands on, makes the topics, and the
marks of those that are new (R14).
"""

from __future__ import annotations

import logging

from penstock.contracts.topics import Topics
from penstock.core.state.versions import check_known
from penstock.log.port import EngineLog, LogFatal
from penstock.processor.directory import CannotStart
from penstock.processor.disk import Disk
from penstock.processor.recovery import mark_of, note_of
from penstock.store.port import StorePosition

logger = logging.getLogger("penstock.processor")


def look_at_disk(disk: Disk) -> None:
    """Refuse to start on a directory that can not be written to, or whose disk is full."""
    problem = disk.unwritable() or disk.problem()
    if problem is not None:
        raise CannotStart(problem)


def preflight(log: EngineLog, topics: Topics) -> None:
    """Make the topics that are missing, refuse those that are wrong, naming every setting, and mark
    as not delivered what nobody has read yet.

    Only then anything may be appended: a record that comes before its partition's first owner would
    otherwise look like one of which nobody knows whether it was delivered.
    """
    log.ensure_topics(topics.fixed())
    found = log.survey(topics.fixed())
    if found.wrong:
        raise LogFatal("; ".join(found.wrong))
    for doubt in found.doubtful:
        logger.warning("%s", doubt)
    log.ensure_marks(mark_of(log.topic_id, StorePosition(0)))
    for number in range(log.partitions):
        note = note_of(log.committed(number))
        if note is not None:
            check_known(note.fold_version)  # before it has partitions that it can not fold
