"""The matrix: which cells of the tables of moves, which refusals of which command, and which faults
of a WfSpec the scenarios have gone through. `make matrix` prints what is missing, and fails if
something is.

Cells are the moves that `core/state/transitions.py` allows. The refusals expected of a command are
the codes in its own file and in the functions of the core that it calls from there, a file away
(read from the source, so that nobody keeps a list), and those that the fold gives for every
command. What can be read there but can not happen is in `CANNOT`, with the reason. The faults, into
which BAD_SPEC and DEFINITION_UNKNOWN part, are the kinds that there are.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from penstock.core import commands, fold
from penstock.core.command import CommandType, Repeats, Sender, of_wf_run
from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.errors import Code
from penstock.core.state import transitions

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "build" / "matrix.json"
SUITES: Final = ("tests/scenarios", "tests/rules", "tests/sim/test_hostile.py")
TABLES: Final = ("THREAD", "NODE", "TASK", "USER_TASK")

CANNOT: Final[dict[tuple[str, str], str]] = {
    (
        "CancelUserTaskRun",
        "WF_RUN_ENDED",
    ): "what its thread has left behind can be cancelled, and only that",
    ("ChangeTaskRunState", "THREAD_UNKNOWN"): "a task has a thread",
    ("OfferCorrelatedEvent", "LIMIT"): "a thread with so much to handle declines before",
    ("PutExternalEvent", "THREAD_UNKNOWN"): "it loads only a thread that waits for the event",
    ("CronAnswer", "SCHEDULE_UNKNOWN"): "a question goes with its schedule",
    ("PutCheckpoint", "ATTEMPT_ENDED"): "it is answered STOP_TASK before",
    ("PutCheckpoint", "ATTEMPT_STALE"): "it is answered STOP_TASK before",
    ("RunByWebhook", "WF_RUN_UNKNOWN"): "it has no parent",
    ("ReportTask", "ATTEMPT_TAKEN"): "a report does not say which worker it is from",
    ("ShutdownTaskRun", "LIMIT"): "only a restart has a limit",
    ("ShutdownTaskRun", "TASK_NOT_IN_FLIGHT"): "only a restart needs an attempt",
    **{
        ("StartScheduledRun", code): "the schedule is told instead"
        for code in ("ALREADY_EXISTS", "BAD_ID", "BAD_VALUE", "SPEC_UNKNOWN", "WF_RUN_UNKNOWN")
    },
    **{
        ("StartAfterEnd", code): "the run that has ended is told instead"
        for code in (
            *("BAD_VALUE", "LIMIT", "PARENT_REQUIRED", "SPEC_UNKNOWN", "TOO_LARGE"),
            *("VARIABLE_REQUIRED", "VARIABLE_UNKNOWN", "WF_RUN_UNKNOWN"),
        )
    },
}
"""Refusals that stand in reach of a command's handler, and why they never come."""

Cell = tuple[str, str, str]
Refusal = tuple[str, str]


# --- what there is --------------------------------------------------------------------------------


def all_cells() -> set[Cell]:
    """Every move that a table allows."""
    return {
        (name, str(status), str(event))
        for name in TABLES
        for status, row in getattr(transitions, name).items()
        for event, after in row.items()
        if after is not None
    }


def all_refusals() -> set[Refusal]:
    """Every refusal that a command can meet."""
    return {
        (kind.record.__name__, code)
        for kind in commands.COMMANDS
        for code in _codes(kind)
        if (kind.record.__name__, code) not in CANNOT
    }


def all_faults() -> set[str]:
    """Every kind of fault for which a spec can be refused."""
    return {str(kind) for kind in FaultKind}


def _codes(kind: CommandType) -> Iterator[str]:
    yield from _in_reach(kind.handle, files_left=1, seen=set())
    if kind.sender is Sender.ENGINE:
        yield Code.FORBIDDEN
        return
    yield from (Code.EXPIRED, Code.VERSION_UNKNOWN, Code.PERMISSION_DENIED)
    if kind.key is of_wf_run:
        yield Code.WRONG_PARTITION
    if kind.repeats is Repeats.REMEMBERED or kind.first is not None:
        yield Code.COMMAND_ID_REUSED


def _in_reach(function: Any, files_left: int, seen: set[Any]) -> Iterator[str]:
    """The codes in a function, in those of its file that it calls, and one file further on."""
    if function in seen or not isinstance(function, FunctionType):
        return
    seen.add(function)
    module = importlib.import_module(function.__module__)
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        dotted = _dotted(node)
        if dotted[:1] == ["Code"] and len(dotted) == 2:
            yield Code[dotted[1]]
            continue
        called = _called(module, dotted)
        if not getattr(called, "__module__", "").startswith("penstock.core"):
            continue
        left = files_left - (called.__module__ != function.__module__)
        if left >= 0:
            yield from _in_reach(called, left, seen)


def _dotted(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return [*before, node.attr]
    return []


def _called(module: ModuleType, dotted: list[str]) -> Any:
    found: Any = module
    for name in dotted:
        found = getattr(found, name, None)
        if not isinstance(found, ModuleType | FunctionType):
            return None
    return found if dotted else None


# --- what the scenarios go through ----------------------------------------------------------------


class Recorder:
    """Notes moves and refusals while it is on: the tables and one Struct of the fold are replaced
    by ones that tell."""

    def __init__(self) -> None:
        self.cells: set[Cell] = set()
        self.refusals: set[Refusal] = set()
        self.faults: set[str] = set()
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._refused = fold.CommandRefused

    def start(self) -> None:
        """Begin to note."""
        for name in TABLES:
            table: dict[Any, Any] = getattr(transitions, name)
            for status, row in list(table.items()):
                self._undo.append((table, status, row))
                table[status] = _Row(row, name, str(status), self.cells)
        setattr(fold, "CommandRefused", self._note)  # noqa: B010 - a Struct gives way to a function

    def stop(self) -> None:
        """Put everything back."""
        for table, status, row in self._undo:
            table[status] = row
        self._undo.clear()
        fold.CommandRefused = self._refused

    def _note(self, **fields: Any) -> Any:
        self.refusals.add((fields["command"], str(fields["code"])))
        self.faults.update(map(str, fields["faults"]))
        return self._refused(**fields)

    def save(self, path: Path = FILE) -> None:
        """Write what was noted."""
        path.parent.mkdir(parents=True, exist_ok=True)
        noted = {
            "cells": sorted(self.cells),
            "refusals": sorted(self.refusals),
            "faults": sorted(self.faults),
        }
        path.write_text(json.dumps(noted, indent=1) + "\n")


class _Row(dict[Any, Any]):
    """A row of a table that notes which of its cells are asked for."""

    def __init__(self, row: dict[Any, Any], table: str, status: str, cells: set[Cell]) -> None:
        super().__init__(row)
        self._about = table, status
        self._cells = cells

    def __getitem__(self, event: Any) -> Any:
        self._cells.add((*self._about, str(event)))
        return super().__getitem__(event)


# --- the program and the plugin -------------------------------------------------------------------

_recorder = Recorder()


def pytest_configure() -> None:
    """As a plugin (-p tests.sim.matrix): note what this run of tests goes through."""
    _recorder.start()


def pytest_unconfigure() -> None:
    """And keep it."""
    _recorder.stop()
    _recorder.save()


def missing(noted: dict[str, list[Any]]) -> tuple[list[Cell], list[Refusal], list[str]]:
    """The cells, refusals and faults that were not gone through."""
    cells = {tuple(cell) for cell in noted["cells"]}
    refusals = {tuple(refusal) for refusal in noted["refusals"]}
    return (
        sorted(all_cells() - cells),
        sorted(all_refusals() - refusals),
        sorted(all_faults() - set(noted["faults"])),
    )


def main() -> int:
    """Run the scenarios in memory and print the matrix; 1 if something is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.matrix")
    parser.add_argument("--look", action="store_true", help="at what the last run has noted")
    if not parser.parse_args().look:
        chosen = ["-k", "not kafka and not embedded and not crashing", "-m", "not kafka"]
        plain = ["-q", "--no-header", "-p", "tests.sim.matrix"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plain, *chosen, *SUITES], cwd=ROOT, check=False
        )
        if done.returncode:
            return done.returncode
    cells, refusals, faults = missing(json.loads(FILE.read_text()))
    for table, status, event in cells:
        print(f"no scenario: {table} {status} x {event}")
    for command, code in refusals:
        print(f"no scenario: {command} refused with {code}")
    for kind in faults:
        print(f"no scenario: a spec refused for {kind}")
    cells_max, refusals_max, faults_max = len(all_cells()), len(all_refusals()), len(all_faults())
    print(
        f"cells {cells_max - len(cells)}/{cells_max},"
        f" refusals {refusals_max - len(refusals)}/{refusals_max},"
        f" faults {faults_max - len(faults)}/{faults_max}"
    )
    return int(bool(cells or refusals or faults))


if __name__ == "__main__":
    sys.exit(main())
