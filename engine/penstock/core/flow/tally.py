"""Tallies: how many threads of a RUN_THREADS node have come how far, for the whole run to see.
Those that have ended are counted as they end, so an element costs the same however many there are.
"""

from __future__ import annotations

from penstock.core.definitions.nodes import RunThreadsNode, Tally
from penstock.core.flow.at import At
from penstock.core.flow.published import publish_part, tells_at
from penstock.core.flow.waits import Work, failure_of
from penstock.core.state.published import PublishedOutput
from penstock.core.state.run import ThreadRun


def count_good(at: At, work: Work, ended: ThreadRun) -> None:
    """A thread has ended well: it counts as the word that it returns."""
    tally, word = tally_of(at), ended.output
    if tally is not None and isinstance(word, str) and word in tally.words and not ended.masked:
        _count(work, word)


def count_bad(at: At, work: Work, ended: ThreadRun) -> None:
    """A thread has failed, or was killed."""
    tally = tally_of(at)
    if tally is not None:
        _count(work, tally.killed if failure_of(ended).by_kill else tally.failed)


def tell(at: At, work: Work) -> None:
    """Publish how many there are of each, if that has changed."""
    tally = tally_of(at)
    if tally is None:
        return
    counts = dict(work.told)
    if work.at_work:
        counts[tally.live] = counts.get(tally.live, 0) + work.at_work
    counts = dict(sorted(counts.items()))
    key = (at.turn.tenant, at.run.wf_run_id, *tells_at(at, tally.part))
    before = at.turn.rows.peek(PublishedOutput, *key)
    if before is None or before.value != counts:
        publish_part(at, tally.part, counts)


def tally_of(at: At) -> Tally | None:
    """How the node at hand counts its threads."""
    config = at.config
    return config.tally if isinstance(config, RunThreadsNode) else None


def _count(work: Work, word: str) -> None:
    work.told[word] = work.told.get(word, 0) + 1
