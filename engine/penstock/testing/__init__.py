"""The engine within a test: in memory, with a clock that stands still until it is told to move on.

The fixture `penstock` comes with the package: `def test_it(penstock: Engine) -> None`. Needs the
server extra.
"""

from penstock.testing.engine import Engine, Run
from penstock.testing.recorded import FoldedRun, Recorded

__all__ = ["Engine", "FoldedRun", "Recorded", "Run"]
