"""Where the tests get an S3 server from: versitygw, a real one, built from its Go module.

`python -m tests.s3_server` fetches and builds it into the checkout's build folder (`make test`
does); it takes a minute or two, once. Without Go, what needs it is skipped and says so.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "v1.8.0"
MODULE = "github.com/versity/versitygw/cmd/versitygw"
BUILD = Path(__file__).resolve().parents[1] / "build" / "versitygw"
BUILD_S = 600
READY_S = 20.0
BUCKET = "snapshots"


class NoServer(Exception):
    """There is none, and none can be made here."""


def binary() -> Path:
    """The server's program; built if it is not there."""
    program = BUILD / f"versitygw-{VERSION}"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise NoServer("no S3 server: Go, which builds it, is not installed")
    BUILD.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(BUILD), "CGO_ENABLED": "0"}
    done = subprocess.run(
        [go, "install", f"{MODULE}@{VERSION}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    if done.returncode != 0:
        raise NoServer(f"no S3 server: go install failed: {done.stderr.strip()[-300:]}")
    (BUILD / "versitygw").rename(program)
    return program


@contextmanager
def running_s3(directory: Path) -> Iterator[dict[str, str]]:
    """A server with one bucket, BUCKET; what its clients need in their environment."""
    (directory / "objects" / BUCKET).mkdir(parents=True)
    (directory / "attributes").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    key, secret = "tests", secrets.token_hex(16)
    words = ["--port", f"127.0.0.1:{port}", "--quiet"]
    words += ["posix", "--sidecar", str(directory / "attributes"), str(directory / "objects")]
    process = subprocess.Popen(
        [str(binary()), *words],
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


if __name__ == "__main__":
    try:
        print(f"S3 server: {binary()}")
    except NoServer as error:
        sys.exit(str(error))
