"""`penstock history` and `doctor` on a directory that no server has."""

from __future__ import annotations

from pathlib import Path

from tests.cli.calls import penstock
from tests.cli.test_past_and_care import places, some_runs, told
from tests.sdk.servers import running_server


def test_what_a_server_tells_is_told_without_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, "dev", "--partitions", "2") as url:
        some_runs(url)
        live = told("history", "ended", "--url", url)
    stopped = told("history", "ended", "--data", str(data))
    assert places(stopped) == places(live)
    position = live["items"][0]["log_position"]
    first = told("history", "ended", "--data", str(data), "--at", position)
    assert first["run"]["status"] == "RUNNING"
    well = penstock("doctor", "--data", str(data))
    assert (well.returncode, "nothing is wrong" in well.stdout) == (0, True), well.stdout
    for name in ("nowhere", "."):
        none = penstock("history", "ended", "--data", str(tmp_path / name))
        assert none.returncode == 1
        assert "director" in none.stderr
