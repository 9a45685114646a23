"""`penstock history` and `doctor` on a directory that no server has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calls import penstock
from tests.cli.test_past_and_care import places, some_runs, told
from tests.sdk.servers import running_server


def test_what_a_server_tells_is_told_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    with running_server(data, "dev", "--partitions", "2") as url:
        some_runs(url)
        live = told("history", "ended", "--url", url)
    stopped = told("history", "ended", "--data", str(data))
    assert places(stopped) == places(live)
    position = live["items"][0]["log_position"]
    first = told("history", "ended", "--data", str(data), "--at", position)
    assert first["run"]["status"] == "RUNNING"
    monkeypatch.setenv("PENSTOCK_KAFKA", "127.0.0.1:9")  # its log is in the directory
    well = penstock("doctor", "--data", str(data))
    assert (well.returncode, "nothing is wrong" in well.stdout) == (0, True), well.stdout
    for name in ("nowhere", "."):
        none = penstock("history", "ended", "--data", str(tmp_path / name))
        assert none.returncode == 1
        assert "director" in none.stderr


@pytest.mark.kafka
def test_the_directory_of_a_node_on_kafka_wants_its_brokers(
    tmp_path: Path, kafka_bootstrap: str, cluster_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    node = ("server", "--kafka", kafka_bootstrap, "--cluster", cluster_name, "--partitions", "1")
    with running_server(data, *node) as url:
        some_runs(url)
        live = told("history", "ended", "--url", url)
    unnamed = penstock("history", "ended", "--data", str(data))
    assert (unnamed.returncode, "say where with --kafka" in unnamed.stderr) == (1, True)
    monkeypatch.setenv("PENSTOCK_KAFKA", kafka_bootstrap)
    assert places(told("history", "ended", "--data", str(data))) == places(live)
    well = penstock("doctor", "--data", str(data))
    assert (well.returncode, "nothing is wrong" in well.stdout) == (0, True), well.stdout
