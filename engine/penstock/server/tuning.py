"""How Python runs where the engine does."""

from __future__ import annotations

import gc
import sys
from typing import Final

GC_THRESHOLDS: Final = (20_000, 250, 100)
"""Rows and records make much garbage and no cycles: looking for cycles less often saves a tenth.
What is looked through is what has stayed, and everybody waits: 20,000 objects take some 10 ms.
"""
SWITCH_S: Final = 0.0005  # the fold and the event loop wait for each other often, and not long


def tune() -> None:
    """For a process that has nothing else to do."""
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*GC_THRESHOLDS)
