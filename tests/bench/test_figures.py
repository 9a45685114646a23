"""The statistics, the goals and the JSON file of the bench; the bench itself is not run here."""

import json
from pathlib import Path

import pytest

from tests.bench.figures import Figures, percentile
from tests.bench.goals import GOALS, LATENCY, LOOP_CPU, LOOP_CPU_ALONE, Goal, Scale
from tests.bench.plan import LONG, RUNS_MAX, runs_for


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1.0), (50, 2.0), (75, 3.0), (99, 4.0), (100, 4.0)]
)
def test_a_percentile_is_one_of_the_samples(percent: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == expected


def test_a_percentile_of_one_sample_is_that_sample() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0


def test_figures_are_written_with_flat_keys(tmp_path: Path) -> None:
    figures = Figures({"wf1_per_s": Goal(">=", 6_000, Scale.RATE)})
    figures.add("wf1_per_s", "1/s", 3_000.4, 1_000.0, 2_000.0)
    figures.add("ratio", "", 0.123456)
    figures.miss("fanout", "in the long bench only")
    path = tmp_path / "build" / "bench.json"
    figures.write(path, {"quick": True})
    assert json.loads(path.read_text()) == {
        "quick": True,
        "cpu_times": None,
        "cpu_alone_times": None,
        "latency_times": None,
        "wf1_per_s": 2_000,
        "wf1_per_s_min": 1_000,
        "wf1_per_s_max": 3_000,
        "wf1_per_s_goal": 6_000,
        "wf1_per_s_goal_reached": False,
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
    figures = Figures({"wf1_per_s": Goal(">=", 6_000)})
    figures.add("wf1_per_s", "1/s", 12_345.0)
    figures.miss("fanout", "in the long bench only")
    head, line, missing, _, speed = figures.table().splitlines()
    names = ["figure", "unit", "min", "median", "max", "n", "goal", "goal", "here"]
    assert head.split() == names
    assert line.split() == ["wf1_per_s", "1/s", *["12,345"] * 3, "1", ">=", "6,000", "reached"]
    assert missing.split(maxsplit=1) == ["fanout", "in the long bench only"]
    assert speed == "the speed of this machine was not measured (group `bare`)"


def _on_a_slow_machine(**measured: float) -> Figures:
    """The bare loop takes twice the CPU, half as much more alone, and three times the latency, of
    the reference machine.
    """
    figures = Figures()
    figures.add(LOOP_CPU_ALONE, "us", 25.5)
    figures.add(LOOP_CPU, "us", 34.0)
    figures.add(LATENCY, "ms", 4.2)
    for key, number in measured.items():
        figures.add(key, "", number)
    return figures


@pytest.mark.parametrize(
    ("key", "number", "goal", "reached", "here", "reached_here"),
    [
        ("wf1_per_s", 3_500.0, 6_000, False, 3_000, True),  # more is better: less CPU to do it with
        ("wf1_engine_cpu_us", 241.0, 120, False, 240, False),  # less is better
        ("latency1_kafka_ms_p50", 8.0, 3, False, 9, True),  # by the latency, not by the CPU
        ("latency1_embedded_ms_p50", 1.0, 1.5, True, 2.25, True),  # nobody beside it
        ("fold_commands_per_s", 26_000.0, 40_000, False, 26_667, False),
    ],
)
def test_a_goal_follows_the_machine(
    key: str, number: float, goal: float, reached: bool, here: float, reached_here: bool
) -> None:
    """And the absolute one stays where it is."""
    flat = _on_a_slow_machine(**{key: number}).flat()
    assert (flat["cpu_times"], round(flat["latency_times"], 9)) == (2.0, 3.0)
    assert flat[f"{key}_goal"] == goal
    assert flat[f"{key}_goal_reached"] is reached
    assert flat[f"{key}_goal_here"] == here
    assert flat[f"{key}_goal_here_reached"] is reached_here


def test_a_ratio_is_the_same_goal_everywhere() -> None:
    flat = _on_a_slow_machine(wf1_ceiling_ratio=0.31).flat()
    assert flat["wf1_ceiling_ratio_goal_reached"] is True
    assert "wf1_ceiling_ratio_goal_here" not in flat


def test_a_goal_may_be_a_multiple_of_another_figure() -> None:
    flat = _on_a_slow_machine(latency1_kafka_ms_p50=4.0, latency1_kafka_ms_p99=20.1).flat()
    assert flat["latency1_kafka_ms_p99_goal"] == 20
    assert flat["latency1_kafka_ms_p99_goal_reached"] is False


def test_both_goals_stand_in_the_table() -> None:
    lines = _on_a_slow_machine(wf1_per_s=3_500.0).table().splitlines()
    line = next(line for line in lines if line.startswith("wf1_per_s"))
    assert line.split()[5:] == [">=", "6,000", "NOT", "reached", ">=", "3,000", "reached"]
    assert "2.00 times the CPU, alone 1.50 times, and 3.00 times the latency" in lines[-1]


def test_every_goal_names_figures_that_are_measured() -> None:
    """Of a multiple, the other one."""
    assert all(goal.of.endswith("_ms_p50") for goal in GOALS.values() if goal.of)
    assert {goal.bound for goal in GOALS.values()} == {">=", "<="}


def test_every_repetition_is_bounded() -> None:
    assert runs_for(0.001, LONG) == LONG.runs_min
    assert runs_for(1_000.0, LONG) == 1_000 * LONG.repetition_s
    assert runs_for(1e9, LONG) == RUNS_MAX
