"""How Python runs where the engine does."""

from __future__ import annotations

import gc
import sys
from typing import Final

GC_THRESHOLDS: Final = (100_000, 50, 100)
"""Rows and records make much garbage and no cycles: looking for cycles less often saves a tenth."""
SWITCH_S: Final = 0.0005  # the fold and the event loop wait for each other often, and not long


def tune() -> None:
    """For a process that has nothing else to do."""
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*GC_THRESHOLDS)
