"""Ctrl-C: quiet, with the code of docs/CLI.md, whatever the command is at, and while it loads."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from penstock.cli import INTERRUPTED
from penstock.cli.codes import Exit

AT_MODULE: Final = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.argv[1] = ""
            os.kill(os.getpid(), signal.SIGINT)

ignored = sys.argv[2] == "background"
signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
sys.meta_path.insert(0, Interrupts())
from penstock.cli import main
sys.exit(main(["version"]))
"""

AT_CALL: Final = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from penstock.cli import main

class Closing:
    def write(self, text):
        os.kill(os.getpid(), signal.SIGINT)
    def flush(self):
        pass

sys.stdout = Closing()
sys.exit(main(["version"]))
"""


# Each of these says itself whether it ignores Ctrl-C: who runs the tests may.


def ended(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "module", ["penstock.cli.command", "msgspec", "penstock.sdk", "penstock.cli.working"]
)
def test_ctrl_c_while_it_loads(module: str) -> None:
    done = ended(AT_MODULE, module, "")
    assert (done.returncode, done.stdout, done.stderr) == (Exit.INTERRUPTED, "", "")


def test_ctrl_c_while_it_works() -> None:
    done = ended(AT_CALL)
    assert (done.returncode, done.stderr) == (Exit.INTERRUPTED, "")


def test_what_has_ctrl_c_ignored_goes_on() -> None:
    """As a shell starts what is in the background."""
    done = ended(AT_MODULE, "penstock.sdk", "background")
    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    assert done.stdout.startswith("penstock")


def test_the_code_before_codes_are_loaded() -> None:
    assert INTERRUPTED == Exit.INTERRUPTED
