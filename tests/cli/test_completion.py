"""What Tab completes, in the shells themselves."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ENDS_S = 60
NO_ZSH = shutil.which("zsh") is None

ZSHRC = """\
eval "$(<complete.zsh)"
told() { print -r -- "$BUFFER" >> told; BUFFER= }
zle -N told
bindkey '^T' told
PS1=ready
"""


@pytest.fixture(autouse=True)
def _there(tmp_path: Path) -> None:
    for name in ("hello.yaml", "other.yaml"):
        (tmp_path / name).touch()


def script(shell: str) -> str:
    command = [sys.executable, "-m", "penstock.cli", "completion", shell]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("bulk pre", ["preview"]),
        ("search task-run --sta", ["--status", "--started-after", "--started-before"]),
        ("check hel", ["hello.yaml"]),
    ],
)
def test_bash_completes(tmp_path: Path, words: str, completed: list[str]) -> None:
    *before, last = ["penstock", *words.split()]
    (tmp_path / "complete.bash").write_text(
        script("bash")
        + f"COMP_WORDS=({' '.join([*before, last])}); COMP_CWORD={len(before)}\n"
        + f'_shtab_penstock penstock {last} {before[-1]}; echo "${{COMPREPLY[@]}}"\n'
    )
    done = subprocess.run(
        ["bash", "complete.bash"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert set(completed) == set(done.stdout.split()), done.stderr


TYPED = {
    "bulk pre": "bulk preview ",
    "run --fol": "run --follow ",
    "run flow a=1 b=2 --fol": "run flow a=1 b=2 --follow ",
    "worker one two --regi": "worker one two --register ",
    "check hel": "check hello.yaml ",
    "check hello.yaml oth": "check hello.yaml other.yaml ",
    "search wf-run --child-filter M": "search wf-run --child-filter MAIN ",
    "eval run '{{ x }}' --pos": "eval run '{{ x }}' --position ",
}


@pytest.mark.skipif(NO_ZSH, reason="there is no zsh")
def test_zsh_completes(tmp_path: Path) -> None:
    """Also one without settings of its own: what is typed, Tab, and what the line is then."""
    (tmp_path / "complete.zsh").write_text(script("zsh"))
    (tmp_path / ".zshrc").write_text(ZSHRC)
    person, terminal = pty.openpty()
    with subprocess.Popen(
        ["zsh", "-d", "-i"],  # -d: none of the machine's settings
        cwd=tmp_path,
        env={**os.environ, "ZDOTDIR": str(tmp_path), "HOME": str(tmp_path), "TERM": "dumb"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as shell:
        os.close(terminal)
        shown = b""
        while b"ready" not in shown:
            shown += os.read(person, 1024)
        for words in TYPED:
            os.write(person, f"penstock {words}\t\x14".encode())
        os.write(person, b"exit\n")
        try:
            while more := os.read(person, 1024):
                shown += more
        except OSError:  # it has ended, and its terminal with it
            pass
        shell.wait(ENDS_S)
    told = (tmp_path / "told").read_text().splitlines()
    assert told == [f"penstock {line}" for line in TYPED.values()], shown.decode()


def test_zsh_and_tcsh_have_scripts_of_their_own() -> None:
    """Also where neither is there to read it."""
    assert script("zsh").startswith("#compdef penstock\n")
    assert "complete penstock" in script("tcsh")
    with pytest.raises(subprocess.CalledProcessError) as wrong:
        script("cmd")
    assert wrong.value.returncode == 2
