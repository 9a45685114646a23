"""One gateway for all tests of this folder that do not need their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.served import Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway; names in it are a test's own by the test's choice."""
    with serving(Path(tmp_path_factory.mktemp("gateway"))) as made:
        yield made
