"""The steps of the Dockerfile, carried out without Docker: each stage is a folder, and what a step
calls by its place in the image lies in it. The bases are this machine's Python and Node.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from tests.deploy.described import ROOT, Stage, Step, stages

STEP_S = 900
NO_STEPS = {"USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
ABSOLUTE = re.compile(r"(?<![\w./-])/(?=[a-z])")


def build(folder: Path) -> Path:
    """Where the last stage lies, once all are made."""
    made: dict[str, Path] = {}
    for number, stage in enumerate(stages()):
        root = folder / (stage.name or "image")
        if stage.base in made:
            shutil.copytree(made[stage.base], root, symlinks=True)
        else:
            root.mkdir()
        made[stage.name or str(number)] = root
        _carry_out(stage, root, made)
    return folder / "image"


def _carry_out(stage: Stage, root: Path, made: dict[str, Path]) -> None:
    at = root / "src" if stage.base in made else root  # a stage goes on where its base was
    environment = {**os.environ, "PATH": f"{_tools(root)}:{os.environ['PATH']}"}
    for step in stage.steps:
        if step.word == "WORKDIR":
            at = inside(root, step.text)
            at.mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY":
            _copy(step, root, at, made)
        elif step.word == "ENV":
            pairs = dict(one.split("=", 1) for one in shlex.split(step.text))
            environment |= {name: value for name, value in pairs.items() if name != "PATH"}
        elif step.word == "RUN":
            _run(step, root, at, environment)
        else:
            assert step.word in NO_STEPS, step.word


def _tools(root: Path) -> Path:
    """`python` as the base has it: without our libraries."""
    folder = root.parent / "tools"
    if not folder.exists():
        folder.mkdir()
        (folder / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    return folder


def inside(root: Path, place: str) -> Path:
    """A place in the image."""
    return root / place.lstrip("/")


def _copy(step: Step, root: Path, at: Path, made: dict[str, Path]) -> None:
    words = step.text.split()
    origin = ROOT
    if words[0].startswith("--from="):
        origin = made[words.pop(0).removeprefix("--from=")]
    *sources, target = words
    to = inside(root, target) if target.startswith("/") else at / target
    for source in sources:
        path = origin / source.lstrip("/")
        if path.is_dir():
            ignore = _ignored if origin == ROOT else None
            shutil.copytree(path, to, symlinks=True, dirs_exist_ok=True, ignore=ignore)
        else:
            into = to / path.name if target.endswith("/") else to
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, into)


def _ignored(folder: str, names: list[str]) -> set[str]:
    """What .dockerignore keeps out of a folder that it lets through."""
    return {
        name
        for name in names
        if not let_through((Path(folder) / name).relative_to(ROOT).as_posix())
    }


def let_through(path: str) -> bool:
    """Whether .dockerignore leaves a path in: of the patterns that a path, or a folder above it,
    matches, the last one counts.
    """
    parts = Path(path).parts
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(fnmatch(one, pattern) for one in above):
            kept = line.startswith("!")
    return kept


def _run(step: Step, root: Path, at: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-euc", ABSOLUTE.sub(f"{root}/", step.text)],
        cwd=at,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=STEP_S,
        check=False,
    )
    assert done.returncode == 0, f"{step.text}\n{done.stdout[-2_000:]}\n{done.stderr[-2_000:]}"


def can_confine() -> bool:
    """Whether a process here may have another view of the disk."""
    words = ["unshare", "--mount", "true"]
    known = shutil.which("unshare") and shutil.which("setpriv") and os.geteuid() == 0
    return bool(known) and subprocess.run(words, check=False, capture_output=True).returncode == 0


def confined(words: list[str], data: Path, user: str) -> list[str]:
    """The same words, by that user, without rights, who sees a disk that is read-only but for
    `data`.
    """
    uid, gid = user.split(":")
    view = (
        'mount --make-rprivate / && mount --bind "$0" "$0" && mount -o remount,bind,ro / && '
        f"exec setpriv --reuid {uid} --regid {gid} --clear-groups --no-new-privs "
        '--bounding-set=-all --inh-caps=-all "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", view, str(data), *words]


@contextmanager
def open_folder(base: Path) -> Iterator[Path]:
    """A folder that any user may look into."""
    folder = base / f"image-{os.getpid()}"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
