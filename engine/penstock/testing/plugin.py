"""The fixture that pytest finds by itself once the package is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock.testing.engine import Engine


@pytest.fixture
def penstock() -> Iterator[Engine]:
    """An engine in memory, for this test alone."""
    from penstock.testing.engine import Engine  # not for those who have pytest and no server

    with Engine() as engine:
        yield engine
