"""SetLabels: gives a run labels, beside those it has; a label may be given another text or go."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.flow.labels import check_labels
from penstock.core.operators.verbs import known_run
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class SetLabels(Command, frozen=True):
    """Labels to set, and names of labels to remove first."""

    wf_run_id: str
    labels: dict[str, str] = {}
    remove: tuple[str, ...] = ()


def handle(turn: Turn, command: SetLabels) -> Value:
    """Merge the labels; a run that has ended may be labelled, too."""
    run = known_run(turn, command.wf_run_id)
    gone = frozenset(command.remove)
    kept = {name: text for name, text in run.labels.items() if name not in gone}
    run.labels = kept | command.labels
    check_labels(run.labels)
    turn.rows.put(run)
    return {"labels": run.labels}


COMMAND = CommandType(SetLabels, handle, of_wf_run, audited=True)
