"""Which runs a search, or a bulk job, is about: the criteria that a run's own row, and its spec,
decide. Those of its variables are in variable_filter.py.
"""

from __future__ import annotations

from msgspec import Struct

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.run import WfRun


class OfRuns(Struct, frozen=True):
    """What is asked of the runs in which something is looked for; None, and no words, are
    anything.
    """

    namespace: str | None = None
    wf_spec: str | None = None
    version: int | None = None
    major: int | None = None
    revision: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    labels: tuple[tuple[str, str], ...] = ()
    parent: str | None = None
    child: bool | None = None

    def wants_run(self, run: WfRun, spec: WfSpec) -> bool:
        """Whether there may be something of it in a run."""
        namespace, flow = named(spec)
        within = (namespace, spec.name)
        return (
            (self.namespace is None or any(_is_within(one, self.namespace) for one in within))
            and self.wf_spec in (None, spec.name, flow)
            and self.version in (None, spec.version)
            and self.major in (None, spec.major)
            and self.revision in (None, spec.revision)
            and (self.parent is None or self.parent in _triggers(run))
            and self.child in (None, run.parent is not None)
            and (self.end_ms is None or run.started_ms < self.end_ms)
            and (self.start_ms is None or run.ended_ms is None or run.ended_ms >= self.start_ms)
            and all(run.labels.get(key) == value for key, value in self.labels)
        )

    def is_in_time(self, at_ms: int) -> bool:
        """Whether something that began then is wanted."""
        late = self.end_ms is not None and at_ms >= self.end_ms
        return not late and (self.start_ms is None or at_ms >= self.start_ms)


class RunFilter(OfRuns, frozen=True):
    """Which runs are meant; no words (see `as_looked_for`), and no statuses, are any."""

    text: str | None = None
    statuses: frozenset[str] = frozenset()

    def wants(self, run: WfRun) -> bool:
        """Whether a run of such a spec is one."""
        return self.wants_status(run) and self.wants_whatever_its_status(run)

    def wants_status(self, run: WfRun) -> bool:
        """Whether one in its status may be."""
        return not self.statuses or run.status in self.statuses

    def wants_whatever_its_status(self, run: WfRun) -> bool:
        """Whether it would be one in another status."""
        return self.is_in_time(run.started_ms) and (self.text is None or _says(run, self.text))


def named(spec: WfSpec) -> tuple[str, str]:
    """The namespace of a spec, and its name within that."""
    namespace = spec.body.namespace or ""
    return namespace, spec.name.removeprefix(f"{namespace}.")


def as_looked_for(words: str | None) -> str | None:
    """Words that are looked for in any case of letters: folded once, not for each run."""
    return None if words is None else words.casefold()


def _says(run: WfRun, text: str) -> bool:
    words = (run.wf_run_id, run.wf_spec, *(f"{key}:{run.labels[key]}" for key in run.labels))
    return any(text in word.casefold() for word in words)


def _triggers(run: WfRun) -> tuple[str | None, ...]:
    """The runs that have started this one: the run above, or one whose end did."""
    return (run.parent, None if run.started_by is None else run.started_by.wf_run_id)


def _is_within(name: str, namespace: str) -> bool:
    """Whether a name is a namespace, or below it."""
    return name == namespace or name.startswith(namespace.rstrip(".") + ".")
