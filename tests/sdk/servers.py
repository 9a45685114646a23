"""Real servers for tests: `penstock dev` or `penstock server`, each a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from penstock import NotFound

START_S = 90


@contextmanager
def running_server(
    data: Path, *arguments: str, env: Mapping[str, str] | None = None, builtin: bool = False
) -> Iterator[str]:
    """The address of a server that is ended by its own pid; `dev` if nothing else is said."""
    command = [sys.executable, "-m", "penstock.cli", *(arguments or ("dev",))]
    if not builtin and "dev" in command:
        command.append("--no-builtin")
    if "server" in command and "--auth" not in command:
        command += ["--auth", "off"]
    data.mkdir(parents=True, exist_ok=True)
    log_path = data.parent / f"{data.name}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", "0", "--data", str(data)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )
    try:
        yield _address(process, data, log_path)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], data: Path, log_path: Path) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log_path.read_text(errors="replace")
        try:
            return json.loads((data / "server.json").read_text())["url"]
        except (OSError, ValueError):
            time.sleep(0.05)
    raise AssertionError(f"no server in {START_S} s: {log_path.read_text(errors='replace')}")


def exists(call: Callable[[], object]) -> bool:
    """Whether what is asked for is there: what goes by Kafka is in the log, and folded later."""
    try:
        call()
    except NotFound:
        return False
    return True
