"""`penstock worker`: runs the tasks of modules of the user's; and beside `penstock dev`, begun anew
whenever one of their files changes.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Any, Final

from penstock.cli.words import Verbs, add_log_format, add_server, count, fail, tell
from penstock.sdk.client import Client
from penstock.sdk.task import TaskDef
from penstock.sdk.worker import GRACE_S, Worker
from penstock.sdk.workflow import Workflow

Definition = TaskDef[..., Any] | Workflow[..., Any]

LOOK_S: Final = 0.5
FILES_MAX: Final = 10_000
LEAVE_S: Final = 5.0
"""Beyond the grace of what runs, for the process itself."""


class NothingToRun(Exception):
    """What is named has no tasks, or is not there; says so in a line."""


def add(verbs: Verbs) -> None:
    """worker."""
    parser = verbs.add_parser("worker", help="run the tasks of Python modules")
    parser.add_argument(
        "modules",
        nargs="+",
        metavar="MODULE[:NAME]",
        help="a module here or installed; of it all tasks and workflows, or the one of this name",
    )
    add_server(parser, "the server, or kafka://HOST:PORT[/CLUSTER] (%(default)s)", kafka=True)
    parser.add_argument(
        "--slots", type=count, default=10, metavar="N", help="how many run at once (%(default)s)"
    )
    parser.add_argument("--name", help="what it is called where its tasks are shown")
    parser.add_argument(
        "--register",
        action="store_true",
        help="register tasks and workflows first; needs a server's http(s) URL",
    )
    parser.add_argument(
        "--reload",
        action="store_true",
        help="begin anew when a Python file below this directory changes",
    )
    parser.add_argument(
        "--grace-s",
        type=float,
        default=GRACE_S,
        metavar="S",
        help="after Ctrl-C, how long what runs may go on (%(default)s); a second one ends it",
    )
    parser.add_argument("--until-eof", action="store_true", help=argparse.SUPPRESS)
    add_log_format(parser)
    parser.set_defaults(do=_worker)


def _worker(options: argparse.Namespace) -> int:
    if options.reload:
        return _reloading(options)
    try:
        found = definitions(options.modules)
        worker = Worker(
            *found,
            url=options.url,
            slots=options.slots,
            name=options.name,
            tenant=options.tenant,
        )
        if options.register:
            with Client(options.url, tenant=options.tenant, deadline_s=options.within) as client:
                client.register(*found)
    except (NothingToRun, ValueError) as error:
        return fail(str(error))
    tasks = ", ".join(sorted(worker.tasks)) or "no task"
    if options.until_eof:
        Thread(target=_end_with_stdin, daemon=True).start()
    tell(f"penstock worker {worker.name} at {options.url}: {tasks}; Ctrl-C stops")
    worker.run(grace_s=options.grace_s)
    return 0


def definitions(names: Iterable[str]) -> list[Definition]:
    """The tasks and workflows of modules, each once. What goes wrong in a module itself is left to
    say where.
    """
    found: dict[int, Definition] = {}
    for name in names:
        module, _, attribute = name.partition(":")
        for one in _of_module(module, attribute):
            found[id(one)] = one
    return list(found.values())


def _of_module(name: str, attribute: str) -> list[Definition]:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
    except ModuleNotFoundError as error:
        raise NothingToRun(f"there is no module {error.name!r} in {here}, nor installed") from error
    if not attribute:
        found: list[Definition] = [
            one for one in vars(module).values() if isinstance(one, TaskDef | Workflow)
        ]
        if not found:
            raise NothingToRun(f"{name} has no function with @task or @workflow")
        return found
    one = getattr(module, attribute, None)
    if not isinstance(one, TaskDef | Workflow):
        raise NothingToRun(f"{name} has no task or workflow {attribute!r}")
    return [one]


def _end_with_stdin() -> None:
    """Who began this process holds the other end: it is to stop, or has died."""
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class Reloading:
    """A worker in a process of its own, begun anew when files change. One that fails waits for the
    next change. See server.Beside.

    It is in a session of its own, so that Ctrl-C comes to it once, from here; and it ends with this
    process, however that ends.
    """

    def __init__(
        self, modules: Sequence[str], arguments: Sequence[str], folder: Path, grace_s: float
    ) -> None:
        worker = "-m", "penstock.cli", "worker", "--until-eof"
        self._command = [sys.executable, *worker, *modules, *arguments]
        self._folder = folder
        self._end_s = grace_s + LEAVE_S
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self, url: str) -> None:
        """Begin, in a thread."""
        self._thread = Thread(target=self.run, args=(url,), name="penstock-reload", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, soon."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join(self._end_s)

    def run(self, url: str) -> None:
        """Work until somebody says stop."""
        seen = _files(self._folder)
        while not self._stopping.is_set():
            with subprocess.Popen(
                [*self._command, "--url", url],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                start_new_session=True,
            ) as process:
                while not self._stopping.wait(LOOK_S):
                    if (now := _files(self._folder)) != seen:
                        changed = sorted(path for path, _ in now ^ seen)
                        tell(f"penstock worker: {changed[0].name} has changed")
                        seen = now
                        break
                _end(process, self._end_s)


def _end(process: subprocess.Popen[bytes], within_s: float) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()


def _files(folder: Path) -> set[tuple[Path, float]]:
    """The Python files below a folder and when each was written; none of hidden folders, nor of
    environments.
    """
    found: set[tuple[Path, float]] = set()
    for root, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if not _is_left_out(Path(root, one))]
        for name in files:
            if name.endswith(".py") and len(found) < FILES_MAX:
                path = Path(root, name)
                try:
                    found.add((path, path.stat().st_mtime))
                except OSError:  # an editor has just put another in its place
                    continue
    return found


def _is_left_out(folder: Path) -> bool:
    is_hidden = folder.name.startswith(".") or folder.name in ("__pycache__", "node_modules")
    return is_hidden or (folder / "pyvenv.cfg").exists()


def _reloading(options: argparse.Namespace) -> int:
    """In the foreground, until a signal."""
    arguments = [
        *("--slots", str(options.slots)),
        *("--grace-s", str(options.grace_s), "--log-format", options.log_format),
        *(("--tenant", options.tenant) if options.tenant else ()),
        *(("--name", options.name) if options.name else ()),
        *(("--register",) if options.register else ()),
    ]
    reloading = Reloading(options.modules, arguments, Path.cwd(), options.grace_s)

    def end(_number: int, _frame: FrameType | None) -> None:
        reloading.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    reloading.run(options.url)
    return 0
