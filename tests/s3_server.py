"""Where the tests get an S3 server from: versitygw, a real one, built from its Go module.

`python -m tests.go_tools versitygw` builds it (`make test` does); it takes a minute or two, once.
Without Go, what needs it is skipped and says so.
"""

import contextlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.go_tools import tool
from tests.kafka_broker import free_ports

READY_S = 20.0
BUCKET = "snapshots"


@contextmanager
def running_s3(directory: Path) -> Iterator[dict[str, str]]:
    """A server with one bucket, BUCKET; what its clients need in their environment."""
    (directory / "objects" / BUCKET).mkdir(parents=True)
    (directory / "attributes").mkdir()
    [port] = free_ports(1)
    key, secret = "tests", secrets.token_hex(16)
    words = ["--port", f"127.0.0.1:{port}", "--quiet"]
    words += ["posix", "--sidecar", str(directory / "attributes"), str(directory / "objects")]
    process = subprocess.Popen(
        [str(tool("versitygw")), *words],
        env={**os.environ, "ROOT_ACCESS_KEY": key, "ROOT_SECRET_KEY": secret},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    environment = {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
    try:
        _wait(process, port)
        yield environment
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the S3 server has ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the S3 server does not listen")
