"""What the cases are played on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.scene import Scene

Play = Callable[..., Scene]


@pytest.fixture
def play(tmp_path: Path, cluster_name: str) -> Iterator[Play]:
    """Makes a scene; its servers are stopped whatever comes."""
    made: list[Scene] = []

    def make(*ways: str, folder: Path = tmp_path, **more: object) -> Scene:
        made.append(Scene(folder / "nodes", list(ways), cluster_name, **more))
        return made[-1]

    yield make
    for scene in made:
        for node in scene.nodes:
            if node.is_running():
                node.kill()
