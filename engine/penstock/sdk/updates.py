"""Updates: events that are answered. What both sides keep to.

An update is an external event whose content is an Update. Who takes it throws two workflow events
named ANSWERED, one right after the other: the update's id, and the answer. By the first, and its
thread and position, the second is known.
"""

from __future__ import annotations

from typing import Any, Final, TypedDict

ANSWERED: Final = "update-answered"


class Update(TypedDict):
    """What a workflow is given: `content` is the client's, `update` names the one to answer."""

    update: str
    content: Any
