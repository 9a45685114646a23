"""Dashboard and alerts ask for what the engine really shows, and each alert says what to do.

Queries are read by Prometheus's own parser, and the rules by what `promtool check rules` is made of
(tests/deploy/promql): promtool as a whole can not be built from its module.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.processor.doctor import CERTIFICATE_DAYS_MIN
from tests.crash.server import Server
from tests.deploy.described import DEPLOY, ROOT
from tests.go_tools import PROMQL, NoTool, own_program
from tests.operations.works import register, scraped, until, work_one

RULES = DEPLOY / "prometheus" / "rules.yaml"
DASHBOARD = DEPLOY / "grafana" / "dashboard.json"
OF_PROMETHEUS = {"up", ""}  # a selector may name labels alone
GIVEN_BY_PROMETHEUS = {"job", "instance"}
SERIES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
SEVERITIES = {"critical", "warning"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """By series, the labels that a server showed which has done most there is to count."""
    folder = tmp_path_factory.mktemp("watched")
    server = Server(folder / "data")
    server.start(None, "--metrics-names", "--snapshots", str(folder / "s"), *EVERY_SECOND)
    try:
        register(server)
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"})
        work_one(server)
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"})
        until(lambda: scraped(server.http).total("task_queue_records") > 0)
        until(lambda: scraped(server.http).total("snapshot_age_seconds") > 0)
        yield series(server.http.get("/metrics").text)
    finally:
        server.stop()


EVERY_SECOND = ("--snapshot-every", "1s")


def series(text: str) -> dict[str, set[str]]:
    """All series that an exposition names, with the labels of those that are there."""
    found: dict[str, set[str]] = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        for end in SERIES[kind]:
            found[name + end] = set()
    for name, labels in re.findall(r"^(\w+)\{(.*)\} \S+$", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


@pytest.fixture(scope="module")
def promql() -> Path:
    """The reader of queries."""
    try:
        return own_program(PROMQL)
    except NoTool as error:
        pytest.skip(str(error))


def read(promql: Path, queries: list[str], *rules: str) -> subprocess.CompletedProcess[str]:
    """What each query asks for."""
    text = json.dumps(queries)
    words = [str(promql), *rules]
    return subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=60, check=False
    )


def alerts() -> list[Any]:
    """All of them."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def of_dashboard() -> list[str]:
    """Its queries, as Prometheus gets them."""
    dashboard = json.loads(DASHBOARD.read_text())
    targets = [one for panel in dashboard["panels"] for one in panel.get("targets", ())]
    queries = [one["expr"].replace("$__rate_interval", "5m") for one in targets]
    variables = [one for one in dashboard["templating"]["list"] if one["type"] == "query"]
    return queries + [
        found[1]
        for one in variables
        if (found := re.fullmatch(r"label_values\((.+), \w+\)", one["definition"]))
    ]


@pytest.mark.parametrize("what", ["alerts", "dashboard"])
def test_what_is_asked_for_is_shown(what: str, promql: Path, shown: dict[str, set[str]]) -> None:
    queries = [one["expr"] for one in alerts()] if what == "alerts" else of_dashboard()
    assert len(queries) >= 14
    for query, asked in zip(queries, json.loads(read(promql, queries).stdout), strict=True):
        assert asked["error"] == "", query
        names = set(asked["metrics"]) - OF_PROMETHEUS
        assert names <= set(shown), query
        known = GIVEN_BY_PROMETHEUS.union(*(shown[name] or LATER.get(name, ()) for name in names))
        assert set(asked["labels"]) <= known, query


LATER = {
    "penstock_partition_stopped": {"partition", "cause"},
    "penstock_standby_lag_records": {"partition"},
    "penstock_dead_letters_total": {"code"},
    "penstock_commands_turned_away_total": {"code"},
    "penstock_timer_lateness_seconds_bucket": {"kind", "le"},
}
"""Labels of what a server in good health has none of."""


def test_the_rules_are_what_prometheus_takes(promql: Path, tmp_path: Path) -> None:
    done = read(promql, [], str(RULES))
    assert (done.returncode, done.stderr) == (0, "")
    names = [one["alert"] for one in alerts()]
    assert len(names) == len(set(names)), "promtool finds no doubles"
    for right, wrong in (("expr: penstock_room", "exp: penstock_room"), ("for: 1m", "for: 1 m")):
        copy = tmp_path / "rules.yaml"
        assert right in RULES.read_text()
        copy.write_text(RULES.read_text().replace(right, wrong))
        assert read(promql, [], str(copy)).returncode == 1


def test_each_alert_says_what_to_do() -> None:
    for one in alerts():
        assert one["labels"]["severity"] in SEVERITIES, one["alert"]
        assert one["annotations"]["summary"]
        page, _, anchor = one["annotations"]["runbook_url"].partition("#")
        assert page == "docs/OPERATIONS.md"
        assert anchor in anchors(ROOT / page), f"{one['alert']}: {anchor}"


def test_an_alert_and_doctor_mean_the_same_by_soon() -> None:
    [soon] = [one for one in alerts() if one["alert"] == "PenstockCertificateEndsSoon"]
    assert soon["expr"].endswith(f"< {CERTIFICATE_DAYS_MIN} * 86400")


def test_each_runbook_has_its_alert() -> None:
    named = {one["annotations"]["runbook_url"].partition("#")[2] for one in alerts()}
    assert {one for one in anchors(ROOT / "docs" / "OPERATIONS.md") if "alert-" in one} == named


def test_every_series_is_of_use_to_somebody(promql: Path, shown: dict[str, set[str]]) -> None:
    """What no panel and no alert shows, is named here."""
    queries = [*of_dashboard(), *(one["expr"] for one in alerts())]
    asked = {name for one in json.loads(read(promql, queries).stdout) for name in one["metrics"]}
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
    ours = {name for name in families if name.startswith("penstock_")}
    used = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    assert ours - used == {
        *("penstock_partition_verdicts", "penstock_task_queues"),
        *("penstock_task_queue_oldest_seconds", "penstock_task_queue_workers"),
    }


def test_panels_have_their_places() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for one in panels:
        at = one["gridPos"]
        place = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & place, one["title"]
        assert at["x"] + at["w"] <= 24
        taken |= place
        if one["type"] != "row":
            assert one["targets"] and one["datasource"]["uid"] == "${datasource}"


def anchors(page: Path) -> set[str]:
    """As Markdown's readers make them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
