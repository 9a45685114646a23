"""A server of its own, in a process of its own, on each log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.server import Server


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Not started yet."""
    if request.param == "embedded":
        made = Server(tmp_path / "data")
    else:
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        made = Server(tmp_path / "data", bootstrap, request.getfixturevalue("cluster_name"))
    yield made
    made.stop()
