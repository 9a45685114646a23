"""Why a partition is stopped: by a name that doctor and the docs explain, never silently."""

from enum import StrEnum


class StopCause(StrEnum):
    """What an operator is told."""

    BUILD = "BUILD"  # this build has a defect below the delivered mark
    INTEGRITY = "INTEGRITY"  # log and store do not belong together
    DATA_LOSS = "DATA_LOSS"  # the log has lost what was not folded yet
    NO_MARK = "NO_MARK"  # nobody knows what was delivered
    LOCKED = "LOCKED"  # another process has the store open


class PartitionStopped(Exception):
    """This partition can not go on here; others can."""

    def __init__(self, cause: StopCause, message: str) -> None:
        super().__init__(f"{cause}: {message}")
        self.cause = cause
        self.message = message
