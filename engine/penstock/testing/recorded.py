"""A run that was recorded, to be folded again: what `penstock export-test` writes is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.core.state.run import WfRun
from penstock.gateway.past import shown_run
from penstock.gateway.stories import story_of
from penstock.processor.recording import Recording, of_json
from penstock.processor.refold import refolded
from penstock.sdk.story import tell_shown

Json = dict[str, Any]


class Recorded:
    """What a fold needs: the definitions that the run used, and the turns that touched it, at the
    log's times. There is no broker in it and no clock, and every fold of it is the same.
    """

    def __init__(
        self, *, definitions: Sequence[Json], turns: Sequence[Json], **of_which_run: Any
    ) -> None:
        told = {**of_which_run, "definitions": list(definitions), "turns": list(turns)}
        self._recording = of_json(told)

    def fold(self) -> FoldedRun:
        """Fold it, as the engine that is installed does."""
        return FoldedRun(self._recording)


class FoldedRun:
    """A run as it has come to be."""

    def __init__(self, recording: Recording) -> None:
        tenant, wf_run_id = recording.tenant, recording.wf_run_id
        rows = refolded(recording).rows
        run = rows.peek(WfRun, tenant, wf_run_id)
        if run is None:
            raise AssertionError(f"in this fold the run {wf_run_id!r} does not begin")
        self._facts = story_of(rows, tenant, wf_run_id)
        self._shown = shown_run(rows, run, recording.partition)

    @property
    def status(self) -> str:
        """RUNNING, HALTING, HALTED, COMPLETED, ERROR or EXCEPTION."""
        return str(self._shown["status"])

    @property
    def output(self) -> Any:
        """What it has returned."""
        return self._shown["output"]

    @property
    def failure(self) -> str | None:
        """The name of its failure."""
        failure: Json | None = self._shown["failure"]
        return None if failure is None else str(failure["name"])

    def history(self) -> list[Json]:
        """What has happened, in order: facts with `at` and `what`."""
        return self._facts

    def story(self) -> list[str]:
        """What has happened, a line for each fact."""
        return [tell_shown(fact) for fact in self._facts]
