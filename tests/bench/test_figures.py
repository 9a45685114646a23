"""The statistics and the JSON file of the bench; the bench itself is not run here."""

import json
from pathlib import Path

import pytest

from tests.bench.figures import Figures, percentile
from tests.bench.plan import RUNS_MAX, RUNS_MIN, runs_for


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1.0), (50, 2.0), (75, 3.0), (99, 4.0), (100, 4.0)]
)
def test_a_percentile_is_one_of_the_samples(percent: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == expected


def test_a_percentile_of_one_sample_is_that_sample() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0


def test_figures_are_written_with_flat_keys(tmp_path: Path) -> None:
    figures = Figures()
    figures.add("wf1_per_s", "1/s", 3_000.4, 1_000.0, 2_000.0, goal=">= 6,000")
    figures.add("ratio", "", 0.123456)
    figures.miss("fanout", "not yet")
    path = tmp_path / "build" / "bench.json"
    figures.write(path, {"quick": True})
    assert json.loads(path.read_text()) == {
        "quick": True,
        "wf1_per_s": 2_000,
        "wf1_per_s_min": 1_000,
        "wf1_per_s_max": 3_000,
        "ratio": 0.1235,
        "ratio_min": 0.1235,
        "ratio_max": 0.1235,
        "fanout": None,
    }


def test_what_was_measured_is_not_missing() -> None:
    figures = Figures()
    figures.add("wf1_per_s", "1/s", 1.0)
    figures.miss("wf1_per_s", "failed later")
    assert figures.flat()["wf1_per_s"] == 1.0


def test_the_table_has_a_line_for_each_figure() -> None:
    figures = Figures()
    figures.add("wf1_per_s", "1/s", 12_345.0, goal=">= 6,000")
    figures.miss("fanout", "not yet: there is none")
    head, line, missing = figures.table().splitlines()
    assert head.split() == ["figure", "unit", "min", "median", "max", "n", "goal"]
    assert line.split() == ["wf1_per_s", "1/s", *["12,345"] * 3, "1", ">=", "6,000"]
    assert missing.split(maxsplit=1) == ["fanout", "not yet: there is none"]


def test_every_repetition_is_bounded() -> None:
    assert runs_for(0.001, 1.0) == RUNS_MIN
    assert runs_for(1_000.0, 2.0) == 2_000
    assert runs_for(1e9, 10.0) == RUNS_MAX
