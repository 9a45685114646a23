"""Labels of a run: texts by name, bounded together."""

from typing import Final

from penstock.core.errors import Code, refuse
from penstock.core.limits import LABELS_BYTES_MAX, LABELS_MAX

NAMELESS: Final = "a label needs a name"


def check_labels(labels: dict[str, str]) -> None:
    """Refuse more labels than a run may have, and one without a name."""
    problem = labels_problem(labels)
    if problem is not None:
        refuse(Code.BAD_NAME if problem is NAMELESS else Code.LIMIT, problem)


def labels_problem(labels: dict[str, str]) -> str | None:
    """Why a run may not have these labels; None if it may."""
    if "" in labels:
        return NAMELESS
    if len(labels) > LABELS_MAX:
        return f"{len(labels)} labels: a run may have {LABELS_MAX}"
    size = sum(len(name.encode()) + len(text.encode()) for name, text in labels.items())
    if size > LABELS_BYTES_MAX:
        return f"labels of {size} bytes: they may have {LABELS_BYTES_MAX} together"
    return None
