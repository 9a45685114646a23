"""Which changes the caller wants to a definition that is there and has versions."""

from __future__ import annotations

from enum import StrEnum

from penstock.core.errors import Code, refuse


class AllowedUpdates(StrEnum):
    """Any; only those that no user of it need notice; or none."""

    ALL_UPDATES = "ALL_UPDATES"
    MINOR_REVISION_UPDATES = "MINOR_REVISION_UPDATES"
    NO_UPDATES = "NO_UPDATES"


def refuse_no_updates(allowed: AllowedUpdates, what: str) -> None:
    """The definition would get another version."""
    if allowed is AllowedUpdates.NO_UPDATES:
        refuse(Code.ALREADY_EXISTS, f"{what} exists and differs; updates are not allowed")
