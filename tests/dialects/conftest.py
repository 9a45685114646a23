"""The drivers of scenarios: a dialect is one on the same engine."""

from tests.scenarios.conftest import driver, memory

__all__ = ["driver", "memory"]
