"""Other builds than this one: a later one, with a fold version more and a behaviour that is there
from it on; and any with some lines changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from penstock.core.limits import FOLD_VERSION
from tests.chaos.checkers import Audit, Found
from tests.chaos.scene import Scene
from tests.chaos.traffic import Told, Traffic

ROOT: Final = Path(__file__).parents[2]
LATER: Final = FOLD_VERSION + 1
LABEL: Final = "made-under"

_CHANGES: Final = {
    "core/limits.py": (
        f"\nFOLD_VERSION: Final = {FOLD_VERSION}\n",
        f"\nFOLD_VERSION: Final = {LATER}\n",
    ),
    "core/commands/run_wf.py": (
        "    run = start_run(turn, start, ",
        f"    if turn.state.fold_version >= {LATER}:\n"
        "        from msgspec.structs import replace\n"
        f'        start = replace(start, labels={{**start.labels, "{LABEL}": "{LATER}"}})\n'
        "    run = start_run(turn, start, ",
    ),
}


def later_build(folder: Path) -> Mapping[str, str]:
    """Make it; the environment in which `penstock` is that one."""
    return changed_build(folder, _CHANGES)


def changed_build(folder: Path, changes: Mapping[str, tuple[str, str]]) -> Mapping[str, str]:
    """As that, of a build in which a text of each file is another one."""
    package = folder / "engine" / "penstock"
    shutil.copytree(
        ROOT / "engine" / "penstock",
        package,
        ignore=shutil.ignore_patterns("__pycache__", "ui_dist"),
    )
    for name in ("topics", "schemas"):
        (folder / name).symlink_to(ROOT / name)
    for name, (now, then) in changes.items():
        text = (package / name).read_text()
        assert text.count(now) == 1, f"{name} has changed: {now!r}"
        (package / name).write_text(text.replace(now, then))
    return {"PYTHONPATH": os.pathsep.join((str(package.parent), str(ROOT)))}


class Asked(Struct):
    """What another build is to audit."""

    audited: dict[str, Any]
    told: Told
    others: Sequence[str]


def audited_by(
    environment: Mapping[str, str], scene: Scene, traffic: Traffic, others: Sequence[str]
) -> Found:
    """The checkers, run by another build: this one can not fold that log."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.builds"],
        input=msgspec.json.encode(Asked(scene.audited(), traffic.told, others)),
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
        cwd=ROOT,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Found)


if __name__ == "__main__":
    of_all = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    found = Audit(**of_all.audited).run(of_all.told, others=of_all.others)
    sys.stdout.buffer.write(msgspec.json.encode(found))
