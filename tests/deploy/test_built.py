"""The image, built by the steps of its Dockerfile without Docker, and started as its user with all
read-only but the data directory. Minutes: `make deploy-test`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.built import build, can_confine, confined, inside, open_folder
from tests.deploy.described import Here, image

pytestmark = [pytest.mark.deploy_long, pytest.mark.timeout(1_800)]

READY_S = 90.0


@pytest.fixture(scope="module")
def built() -> Iterator[Path]:
    """Where the image lies."""
    if shutil.which("npm") is None:
        pytest.skip("there is no Node, which builds the dashboard")
    with open_folder(Path(tempfile.gettempdir())) as folder:
        yield build(folder)


def test_it_has_the_engine_and_the_dashboard(built: Path) -> None:
    program = inside(built, "/opt/penstock/bin/penstock")
    printed = subprocess.run([str(program), "version"], capture_output=True, text=True, check=True)
    assert printed.stdout.startswith("penstock 0.")
    [packages] = inside(built, "/opt/penstock/lib").glob("python3.*/site-packages")
    assert (packages / "penstock" / "gateway" / "ui_dist" / "index.html").exists()
    assert (packages / "penstock" / "_contracts" / "topics" / "commands.toml").exists()
    assert not list(packages.glob("hatchling*")), "what builds is left behind"


def test_it_runs_as_nobody_on_a_read_only_disk(
    built: Path, kafka_bootstrap: str, cluster_name: str
) -> None:
    if not can_confine():
        pytest.skip("a view of the disk that is read-only needs root and unshare")
    made = image()
    [volume] = made.volumes
    data = inside(built, volume)
    here = Here({volume: str(data), "/opt/penstock": str(inside(built, "/opt/penstock"))})
    environment = {name: here.text(value) for name, value in made.environment.items()}
    environment["PATH"] = environment["PATH"].replace("$PATH", os.environ["PATH"])
    environment["PENSTOCK_KAFKA"] = kafka_bootstrap
    words = [*made.entrypoint, *made.command, "--port", "0", "--cluster", cluster_name]
    process = subprocess.Popen(
        confined(words, data, made.user),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        check = confined([here.text(one) for one in made.healthcheck], data, made.user)
        deadline = time.monotonic() + READY_S
        while subprocess.run(check, env=environment, capture_output=True).returncode != 0:
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            assert time.monotonic() < deadline
            time.sleep(0.5)
        status = Path(f"/proc/{process.pid}/status").read_text()
        uid = made.user.partition(":")[0]
        assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
        assert "CapBnd:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    finally:
        process.terminate()
        assert process.wait(20) == 0
