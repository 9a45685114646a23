"""The engine for an example: `penstock dev` in a process of its own, on a free port and in a
temporary directory, both gone when the example ends.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_S = 60
STOP_S = 15
NOTHING: Mapping[str, str] = {}


@contextmanager
def engine(environment: Mapping[str, str] = NOTHING) -> Generator[str]:
    """Its address."""
    signal.signal(
        signal.SIGTERM, lambda _number, _frame: sys.exit(143)
    )  # so that the engine is ended too
    with tempfile.TemporaryDirectory(prefix="penstock-example-") as folder:
        data = Path(folder)
        command = [sys.executable, "-m", "penstock.cli", "dev", "--port", "0", "--data", folder]
        with (data / "server.log").open("wb") as log:
            server = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment}
            )
        try:
            yield started(server, data)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt | SystemExit):
                print((data / "server.log").read_text(errors="replace"), file=sys.stderr)
            raise
        finally:
            end(server)


def started(server: subprocess.Popen[bytes], data: Path) -> str:
    """The engine's address, once it answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the engine ended with exit code {server.returncode}")
        if (data / "server.json").exists():
            try:
                return json.loads((data / "server.json").read_text())["url"]
            except ValueError:
                pass  # it is being written
        time.sleep(0.05)
    raise RuntimeError(f"the engine did not start within {START_S} s")


def end(server: subprocess.Popen[bytes]) -> None:
    """Have it stop."""
    server.terminate()
    try:
        server.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
