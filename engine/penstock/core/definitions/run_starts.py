"""What a spec says of the ends of other runs that start runs of its own, and how it is found by
them.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from penstock.core.state.start_rows import EndState
from penstock.core.values.forms import Expression


class RunStart(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which ends start a run: of runs of `wf_spec`, or of specs in `namespace` (and with `below`,
    in those below it), in one of these `states` (none named: in any), if the run that has ended had
    the labels of `having`. The new one gets `inputs` and `labels`. Inputs are worked out from the
    end: its facts by their names (END_FACTS), and `named` values, which are worked out before them.
    """

    id: str
    wf_spec: str | None = None
    namespace: str | None = None
    below: bool = False
    states: tuple[EndState, ...] = ()
    having: dict[str, str] = {}
    named: dict[str, Expression] = {}
    inputs: dict[str, Expression] = {}
    labels: dict[str, str] = {}

    @property
    def watched(self) -> str:
        """The key under which it is found."""
        if self.namespace is None:
            return self.wf_spec or ""
        return in_namespace(self.namespace, below=self.below)

    def wants(self, state: EndState, labels: dict[str, str]) -> bool:
        """Whether an end like this starts a run."""
        return (not self.states or state in self.states) and all(
            labels.get(name) == text for name, text in self.having.items()
        )


def in_namespace(namespace: str, *, below: bool) -> str:
    """The key of all specs in a namespace, or of those in it and below; no name is like it."""
    return f"{namespace}{'.' if below else ':'}"


def watched_keys(name: str, namespace: str) -> Iterator[str]:
    """All keys under which the ends of a spec's runs may be watched."""
    yield name
    if namespace:
        yield in_namespace(namespace, below=False)
        parts = namespace.split(".")
        for count in range(len(parts), 0, -1):
            yield in_namespace(".".join(parts[:count]), below=True)


END_FACTS: dict[str, str | None] = {
    "wf_run_id": "STR",
    "wf_spec": "STR",
    "name": "STR",
    "namespace": "STR",
    "version": "INT",
    "state": "STR",
    "failure": "STR",
    "message": "STR",
    "labels": "JSON_OBJ",
    "output": None,
    "ended_at": "TIMESTAMP",
}
"""What is known of a run that has ended, and its type; None: only the run will tell."""
