"""A real server process for tests that kill it: `penstock dev` or `penstock server`, and a client
that is told no lies.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.kafka_broker import free_ports

START_S = 90.0
LOST: tuple[type[Exception], ...] = (httpx.HTTPError,)


class Server:
    """One server on one data directory; it can be killed and started again."""

    def __init__(
        self,
        data: Path,
        kafka: str | None = None,
        cluster: str = "penstock",
        more: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.environment(environment or {})
        self.bootstrap = kafka
        self.cluster = cluster
        [self.port] = free_ports(1)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20.0)
        self._log = [] if kafka is None else ["--kafka", kafka]
        self._verb = ["dev", "--no-builtin"] if kafka is None else ["server", "--auth", "off"]
        self._cluster = [*more] if kafka is None else ["--cluster", cluster, *more]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, failpoint: str | None = None, *options: str) -> None:
        """Start, and wait until it is ready."""
        process = self.launch(failpoint, *options)
        deadline = time.monotonic() + START_S
        while not self._ready():
            assert process.poll() is None, self.printed()
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.05)

    def environment(self, more: Mapping[str, str]) -> None:
        """What the next process of it has beside our own environment."""
        self._environment = {**os.environ, **more}

    def launch(self, failpoint: str | None = None, *options: str) -> subprocess.Popen[bytes]:
        """Start, and do not wait."""
        words = [*self._verb, *self._log, *self._cluster, "--data", str(self.data)]
        words += ["--port", str(self.port), *options]
        if "--partitions" not in words:
            words += ["--partitions", "2"]
        if failpoint is not None:
            words += ["--failpoint", failpoint]
        with (self.data.parent / "server.out").open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "penstock.cli", *words],
                stdout=out,
                stderr=out,
                env=self._environment,
            )
        return self._process

    def ended(self, timeout_s: float) -> int:
        """Wait for the process to end by itself; its exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def terminate(self) -> None:
        """SIGTERM to our own process."""
        assert self._process is not None
        self._process.terminate()

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM to our own process, and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
                raise
        self.http.close()

    def verify(self, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """`penstock verify` on the data directory."""
        words = ["verify", *self._log, "--data", str(self.data)]
        return subprocess.run(
            [sys.executable, "-m", "penstock.cli", *words],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def call(
        self, method: str, path: str, body: Any = None, command_id: str = ""
    ) -> httpx.Response:
        """One request; raises what httpx does when the server is gone."""
        headers = {"Penstock-Command-Id": command_id} if command_id else {}
        return self.http.request(method, path, json=body, headers=headers)

    def accepted(self, method: str, path: str, body: Any = None, command_id: str = "") -> Any:
        """One request that must be accepted."""
        response = self.call(method, path, body, command_id)
        assert response.status_code < 300, response.text
        return response.json()

    def printed(self) -> str:
        """What the server has printed so far."""
        return (self.data.parent / "server.out").read_text(errors="replace")[-4_000:]

    def _ready(self) -> bool:
        with contextlib.suppress(*LOST):
            return self.http.get("/readyz").status_code == 200
        return False
