"""What is said can not be written: that is told, without a traceback."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from penstock.cli.codes import Exit


def no_file_may_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "penstock.cli", "version"],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            preexec_fn=no_file_may_grow,
        )
    assert done.returncode == Exit.FAILED
    assert done.stderr == "penstock: the output can not be written: File too large\n"


def test_whoever_reads_has_seen_enough() -> None:
    command = [sys.executable, "-m", "penstock.cli", "openapi"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (Exit.UNREAD, b"")
