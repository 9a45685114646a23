"""What every test may ask for: one Kafka a run, and names that no other test uses."""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import hypothesis
import pytest

from tests.chaos.report import PROPERTY, Figures, told
from tests.durations import by_folder
from tests.go_tools import NoTool, tool
from tests.kafka_broker import Broker, running_kafka
from tests.s3_server import running_s3
from tests.shared import shared

# A shared machine of two cores is slow at times: time limits are pytest-timeout's business. What is
# new at each run is for who looks for it: whoever changes something else is not to stumble upon it.
AS_EVER = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=True
)
hypothesis.settings.register_profile("penstock", AS_EVER)
hypothesis.settings.register_profile("fuzz", AS_EVER, derandomize=False, max_examples=2_000)
hypothesis.settings.load_profile("penstock")

PROCESSES_MAX = 6
TESTS = Path(__file__).parent
LONG_S = 60  # a run of which it is worth telling where its time went
BROKERS = {"kafka_bootstrap", "own_broker"}
REAL_TIME = {
    *("builtin", "chaos", "cli", "crash", "deploy", "docs", "examples", "gateway", "nodes"),
    *("operations", "release", "rules", "sdk"),
}
"""Folders of tests with servers, processes and clocks that run."""
BROKEN = r"AssertionError: [OI]\d"  # as tests/chaos/checkers.py begins what it has found


def pytest_configure() -> None:
    """Let a SIGTERM end the run as Ctrl-C does, so that the broker is stopped."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: half as many again as there are cores, since tests wait for others half of the
    time; but not many, since all have one broker.
    """
    cores = os.cpu_count() or 1
    return min(PROCESSES_MAX, cores + cores // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a broker, so that `-m "not kafka"` is right without anybody's care. What runs
    against real time may be tried twice, as a machine of two cores that others use, too, stands
    still at times: the summary names what passed the second time only. The rest may not, nor what
    the checkers of faults have found: an invariant that is broken once is broken.
    """
    for item in items:
        if BROKERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)
        if item.get_closest_marker("kafka") or item.path.relative_to(TESTS).parts[0] in REAL_TIME:
            item.add_marker(pytest.mark.flaky(reruns=1, rerun_except=BROKEN))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where the time went, and the sums of what the faults of the catalogue came to."""
    if again := {report.nodeid for report in terminalreporter.getreports("rerun")}:
        terminalreporter.write_sep("=", "tried twice")
        for report in terminalreporter.getreports("rerun"):
            terminalreporter.write_line(f"{report.nodeid}\n{report.longreprtext}\n")
        terminalreporter.write_line(f"{len(again)} failed once: look why, before it fails twice")
    seconds = by_folder(terminalreporter.stats)
    if sum(seconds.values()) > LONG_S:
        terminalreporter.write_sep("=", "seconds by folder")
        terminalreporter.write_line(", ".join(f"{name} {s:.0f}" for name, s in seconds.items()))
    if lines := told(terminalreporter.getreports("passed")):
        terminalreporter.write_sep("=", "faults")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this run have."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def kafka_bootstrap(run_folder: Path) -> Iterator[str]:
    """`host:port` of a real Kafka; one a run, started when the first test asks."""
    with shared(run_folder / "kafka", running_kafka) as bootstrap:
        yield bootstrap


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """A broker that the test may stop and kill."""
    with Broker(heap_mib=384) as own:
        yield own


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """Notes what a fault came to; the end of the run has the sums."""
    return lambda **found: record_property(PROPERTY, found)


@pytest.fixture(scope="session")
def s3_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What clients of a real S3 server need in their environment; one server a run."""
    try:
        tool("versitygw")
    except NoTool as error:
        pytest.skip(str(error))
    with running_s3(tmp_path_factory.mktemp("s3")) as environment:
        yield environment


@pytest.fixture
def cluster_name() -> str:
    """A cluster name (the prefix of all topics) that this test alone uses."""
    return f"t{secrets.token_hex(6)}"
