"""From one build to the next and back, under load (46)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.chaos.builds import LABEL, LATER, audited_by, later_build
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import Scene, until
from tests.chaos.soak import OPTIONS
from tests.chaos.traffic import SPEC, Traffic
from tests.nodes.cluster import Node

pytestmark = [pytest.mark.chaos_long, pytest.mark.timeout(400)]


@pytest.fixture
def later(tmp_path: Path) -> Mapping[str, str]:
    """The environment of a later build."""
    return later_build(tmp_path / "later")


def _replace(scene: Scene, traffic: Traffic, environment: Mapping[str, str]) -> None:
    """One node after the other goes on as another build; there is no time without the others."""
    for node in scene.nodes:
        node.terminate()
        assert node.ended(20) == 0
        node.environment(environment)
        node.start()
        traffic.until_acknowledged(100)


def _label(scene: Scene, node: Node, name: str) -> str | None:
    """What is in force as this run is started, where it is."""
    node.accepted("POST", "/v1/wf-runs", {"wf_spec": SPEC, "wf_run_id": name})
    shown = node.accepted("GET", f"/v1/wf-runs/{name}")
    put = {"wf_run_id": name, "event_def": "go"}
    node.accepted("POST", "/v1/external-events", put)
    label: str | None = shown["labels"].get(LABEL)
    return label


@pytest.mark.fault(46)
@pytest.mark.drill("an upgrade")
def test_the_next_build_and_back_again(
    play: Play, kafka_bootstrap: str, later: Mapping[str, str], figures: Figures
) -> None:
    """While the log is kept where it is, the older build may come back to what the later one has
    written. What both have folded is what this build alone folds.
    """
    keep = ("--fold-version-max", str(LATER - 1))
    scene = play(*[kafka_bootstrap] * 3, more=(*OPTIONS, *keep))
    scene.start()
    with scene.traffic() as traffic:
        traffic.until_acknowledged(100)
        _replace(scene, traffic, later)
        assert _label(scene, scene.node, "of-the-later-build") is None
        _replace(scene, traffic, {})
        assert _label(scene, scene.node, "of-the-older-build") is None
    scene.finish(traffic, figures, others=("of-the-later-build", "of-the-older-build"))


@pytest.mark.fault(46)
@pytest.mark.drill("an upgrade")
def test_the_log_moves_when_the_last_node_is_new_and_there_is_no_way_back(
    play: Play, kafka_bootstrap: str, later: Mapping[str, str], figures: Figures
) -> None:
    """No earlier: what is new is not there while one node does not know it. An older build that
    comes back is told so, and takes nothing from the others.
    """
    scene = play(*[kafka_bootstrap] * 3, more=OPTIONS)
    scene.start()
    made = iter(f"probe-{number}" for number in range(1_000))
    probes: list[str] = []

    def label() -> str | None:
        probes.append(next(made))
        return _label(scene, scene.node, probes[-1])

    with scene.traffic() as traffic:
        traffic.until_acknowledged(100)
        last = scene.nodes.pop()
        _replace(scene, traffic, later)
        assert label() is None
        scene.nodes.append(last)
        last.terminate()
        assert last.ended(20) == 0
        last.environment(later)
        last.start()
        until(lambda: label() == str(LATER), "what is new is in force")
        last.terminate()
        assert last.ended(20) == 0
        last.environment({})
        last.launch()
        assert last.ended(60) != 0
        assert f"the log is at fold version {LATER}, and this build knows" in last.printed()
        traffic.until_acknowledged(100)
        last.environment(later)
        last.start()
        traffic.until_acknowledged(100)
    scene.end()
    found = audited_by(later, scene, traffic, others=probes)
    scene.note(found, figures)
