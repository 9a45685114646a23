"""Holds the direction of dependencies, by reading the engine's imports.

core <- contracts <- store, log <- processor <- gateway <- cli; the SDK stands on core's
definitions, contracts and log, and the built-in worker on the SDK. Core is pure: what it does
follows from its arguments alone.
A new package or library is allowed by adding it to a table below, on purpose.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parents[2] / "engine" / "penstock"

# --- the tables -----------------------------------------------------------------------------------

# layer (a package or module right under penstock) -> the layers it may import besides itself
LAYERS: dict[str, set[str]] = {
    "core": set(),
    "config": {"core"},
    "observe": {"core", "config"},
    "rocks": set(),
    "extras": set(),
    "contracts": {"core"},
    "store": {"core", "contracts", "rocks", "config", "observe"},
    "log": {"core", "contracts", "rocks", "config", "observe"},
    "processor": {"core", "contracts", "store", "log", "config", "observe"},
    "gateway": {"core", "contracts", "store", "log", "processor", "stepped", "config", "observe"},
    "sdk": {"core", "contracts", "log", "flows", "config", "observe"},
    "builtin": {"core", "contracts", "sdk", "config"},
    "testing": {
        *("core", "contracts", "store", "log", "processor", "gateway", "sdk", "builtin"),
    },
    "flows": {"core"},
    "stepped": {"core"},
    "server": {
        *("core", "contracts", "store", "log", "processor", "gateway"),
        *("config", "observe"),
    },
    "cli": {
        *("core", "contracts", "store", "log", "processor", "gateway", "server"),
        *(
            "sdk",
            "builtin",
            "flows",
            "testing",
            "config",
            "observe",
            "extras",
        ),
    },
    "__init__": {"core", "sdk"},
    "__main__": {"cli"},
}

# room of core -> the rooms it may import besides itself and the ground, on which all stand. No two
# import each other, so that each can be read, and tested, with what is below it.
GROUND = {"errors", "ids", "limits"}
ROOMS: dict[str, set[str]] = {
    "__init__": set(),
    "values": set(),
    "state": {"values"},
    "command": {"values", "state"},
    "definitions": {"values", "state"},
    "flow": {"values", "state", "definitions"},
    "views": {"values", "state", "definitions", "flow"},
    "events": {"values", "state", "command", "definitions", "flow"},
    "places": {"values", "state", "command", "definitions"},
    "tasks": {"values", "state", "definitions", "flow"},
    "user_tasks": {"values", "state", "definitions", "flow", "tasks"},
    "schedules": {"values", "state"},
    "starts": {"values", "state", "command", "definitions", "flow"},
    "bulk": {"values", "state", "definitions", "flow"},
    "nodes": {"values", "state", "definitions", "flow", "tasks", "user_tasks"},
    "registration": {"values", "state", "definitions", "flow", "nodes"},
    "advance": {"values", "state", "definitions", "flow", "tasks", "nodes"},
    "operators": {
        *("values", "state", "definitions", "flow", "tasks", "user_tasks", "nodes", "advance"),
    },
    "commands": {
        *("values", "state", "command", "definitions", "flow", "events", "tasks", "user_tasks"),
        *("places", "schedules", "starts", "bulk", "registration", "advance", "operators"),
    },
    "permissions": {"state", "command", "definitions", "schedules", "commands"},
    "schedule_fire": {"values", "state", "flow", "schedules", "commands"},
    "bulk_fire": {"state", "flow", "bulk", "advance", "operators", "commands"},
    "fire": {
        *("state", "flow", "events", "places", "tasks", "user_tasks", "bulk", "advance"),
        *("operators", "starts"),
        *("schedule_fire", "bulk_fire"),
    },
    "fold": {
        *("values", "state", "command", "definitions", "flow", "starts", "advance", "commands"),
        *("permissions", "fire"),
    },
}

# third-party library -> the files or packages that may import it ("" is everywhere)
LIBRARIES: dict[str, tuple[str, ...]] = {
    "msgspec": ("",),
    "orjson": ("contracts/", "store/", "log/", "processor/", "gateway/", "sdk/", "cli/"),
    "fastavro": ("contracts/",),
    "confluent_kafka": ("log/kafka/",),
    "cronsim": ("processor/cron.py",),
    "rocksdict": ("store/rocks.py", "log/embedded/disk.py"),
    "starlette": ("gateway/", "server/"),
    "prometheus_client": ("gateway/routes/metrics.py",),
    "anyio": ("gateway/",),
    "cryptography": ("gateway/certificates.py",),
    "jwt": ("gateway/oidc.py",),
    "uvicorn": ("gateway/", "server/", "cli/"),
    "h11": ("gateway/serve.py",),
    "uvloop": ("gateway/", "server/", "cli/"),
    "httpx": ("gateway/", "sdk/", "builtin/bounds.py", "builtin/outbound.py", "cli/", "testing/"),
    "pytest": ("testing/plugin.py",),
    "opentelemetry": ("observe.py", "observe/"),
    "yaml": ("flows/document.py",),
    "pydantic": ("sdk/",),
    "shtab": ("cli/completion.py",),
    "obstore": ("processor/snapshots/s3.py",),
}

# All of the standard library that core may use: nothing that knows the time, the process, the
# machine, a thread, a file or chance.
STDLIB_OF_CORE = {
    *("__future__", "abc", "ast", "base64", "binascii", "bisect", "collections", "contextlib"),
    *("copy", "dataclasses", "decimal", "enum", "fractions", "functools", "graphlib", "hashlib"),
    *("heapq", "hmac", "itertools", "json", "math", "numbers", "operator", "re", "string"),
    *("struct", "textwrap", "types", "typing", "zlib"),
}
# hash() differs with PYTHONHASHSEED and id() with the process: neither may reach state.
IMPURE_BUILTINS = {
    *("open", "input", "print", "eval", "exec", "compile", "breakpoint", "hash", "id"),
    "__import__",
}

ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"}
ENVIRONMENT_FILES = ("config.py",)

WALL_CLOCK = {
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime"),
    *("time.asctime", "time.clock_gettime", "time.clock_gettime_ns"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    "datetime.date.today",
}
# The embedded log stands in for the broker, which stamps records with its time.
WALL_CLOCK_FILES = (
    *("processor/ticker.py", "observe.py", "observe/", "sdk/", "gateway/"),
    *("log/embedded/engine.py", "builtin/send_webhook.py", "processor/snapshots/snapshotter.py"),
    "cli/keys.py",  # a key is good for so many days from now
)

# Data may never choose code. The CLI imports the module that its user names.
CODE_FROM_DATA = {"pickle", "marshal", "shelve", "importlib.import_module", "runpy"}
CODE_FROM_DATA_FILES = ("cli/",)

# --- the reader -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """A dotted name that a file imports or reaches, such as `os.environ.get`."""

    line: int
    name: str
    imported: bool

    def is_in(self, names: set[str]) -> bool:
        parts = self.name.split(".")
        return any(".".join(parts[:count]) in names for count in range(1, len(parts) + 1))


def uses(path: str, source: str) -> Iterator[Use]:
    """Give what the file at `path` (relative to penstock/) imports and reaches through imports."""
    tree = ast.parse(source)
    names: dict[str, str] = {}  # local name -> what it stands for
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
                yield Use(node.lineno, alias.name, imported=True)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(path, node)
            for alias in node.names:
                names[alias.asname or alias.name] = f"{module}.{alias.name}"
                yield Use(node.lineno, f"{module}.{alias.name}", imported=True)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (dotted := _dotted(node)):
            base, _, rest = dotted.partition(".")
            if base in names:
                yield Use(node.lineno, f"{names[base]}.{rest}", imported=False)


def _absolute(path: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = ["penstock", *path.split("/")[:-1]]
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, node.module] if node.module else base)


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return None


def _within(path: str, places: tuple[str, ...]) -> bool:
    return any(
        path == place or (place[-1:] in ("", "/") and path.startswith(place)) for place in places
    )


# --- the rules ------------------------------------------------------------------------------------


def problems(path: str, source: str) -> list[str]:
    """Say what in this file goes against the tables."""
    layer = path.partition("/")[0].removesuffix(".py")
    found: list[str] = []
    if layer not in LAYERS:
        return [f"{path}: '{layer}' has no place in LAYERS; say what it may import"]
    for use in uses(path, source):
        if use.imported:
            found += [f"{path}:{use.line}: {text}" for text in _import_problems(path, layer, use)]
        if use.is_in(ENVIRONMENT) and not _within(path, ENVIRONMENT_FILES):
            found.append(f"{path}:{use.line}: {use.name}: only config.py reads the environment")
        if use.is_in(WALL_CLOCK) and not _within(path, WALL_CLOCK_FILES):
            found.append(f"{path}:{use.line}: {use.name}: no wall clock here; log time is the time")
        if use.is_in(CODE_FROM_DATA) and not _within(path, CODE_FROM_DATA_FILES):
            found.append(f"{path}:{use.line}: {use.name}: data may not choose code")
    if layer == "core":
        found += [f"{path}:{line}: {name}() is not pure" for line, name in _impure_calls(source)]
    return found


def _import_problems(path: str, layer: str, use: Use) -> Iterator[str]:
    top, _, rest = use.name.partition(".")
    if top == "penstock":
        target = rest.partition(".")[0]
        if target in LAYERS and target != layer and target not in LAYERS[layer]:
            yield f"{layer} may not import {use.name}"
        if layer == target == "core":
            yield from _room_problems(path, use)
    elif top in sys.stdlib_module_names:
        if layer == "core" and top not in STDLIB_OF_CORE:
            yield f"core is pure and may not import {top}"
    elif top not in LIBRARIES:
        yield f"library {top} is not in LIBRARIES"
    elif not _within(path, LIBRARIES[top]):
        yield f"{top} may be imported in {', '.join(LIBRARIES[top])} only"


def _room_problems(path: str, use: Use) -> Iterator[str]:
    room, target = (_room(parts) for parts in (path.split("/")[1:], use.name.split(".")[2:]))
    if room not in GROUND and room not in ROOMS:
        yield f"core/{room} has no place in ROOMS; say what it may import"
    elif target not in GROUND | {room} | ROOMS.get(room, set()):
        yield f"core/{room} may not import {use.name}"


def _room(parts: list[str]) -> str:
    return parts[0].removesuffix(".py")


def _impure_calls(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in IMPURE_BUILTINS:
            yield node.lineno, node.func.id


# --- the tests ------------------------------------------------------------------------------------


def engine_files() -> dict[str, str]:
    return {
        path.relative_to(ENGINE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(ENGINE.rglob("*.py"))
    }


def test_the_engine_keeps_to_the_tables() -> None:
    files = engine_files()
    assert any(path.startswith("core/") for path in files), "the engine was not found"

    found = [text for path, source in files.items() for text in problems(path, source)]

    assert not found, "\n" + "\n".join(found)


BAD = [
    ("core/state/turn.py", "import time", "core is pure"),
    ("core/state/turn.py", "def f():\n    from datetime import datetime", "core is pure"),
    ("core/nodes/task.py", "import logging", "core is pure"),
    ("core/state/turn.py", "from penstock.store import port", "core may not import"),
    ("core/fold.py", "from ..log.port import Record", "core may not import"),
    ("core/nodes/task.py", "from ... import contracts", "core may not import"),
    ("core/values/types.py", "from penstock.core.state.rows import Row", "core/values may not"),
    ("core/flow/at.py", "from penstock.core import nodes", "core/flow may not import"),
    ("core/ids.py", "from penstock.core.values import types", "core/ids may not import"),
    ("core/surprise/new.py", "from penstock.core import ids", "no place in ROOMS"),
    ("core/values/value.py", "import orjson", "orjson may be imported in"),
    ("core/ids.py", "def f(x):\n    return hash(x)", "hash() is not pure"),
    ("contracts/avro.py", "from penstock.log import port", "contracts may not import"),
    ("store/rocks.py", "import penstock.processor.partition", "store may not import"),
    ("store/memory.py", "import rocksdict", "rocksdict may be imported in"),
    ("log/port.py", "from confluent_kafka import Producer", "confluent_kafka may be"),
    ("processor/partition.py", "from penstock.gateway.app import app", "processor may not"),
    ("gateway/app.py", "from penstock import cli", "gateway may not import"),
    ("sdk/worker.py", "from penstock.store.memory import MemoryStore", "sdk may not import"),
    ("builtin/send_webhook.py", "import httpx", "httpx may be imported in"),
    ("builtin/tasks.py", "from penstock.gateway import app", "builtin may not import"),
    ("sdk/client.py", "from penstock.builtin import tasks", "sdk may not import"),
    ("sdk/client.py", "import requests", "library requests is not in LIBRARIES"),
    ("log/kafka/engine.py", "import os\nx = os.environ['A']", "only config.py"),
    ("cli/words.py", "from os import getenv as g", "only config.py"),
    ("processor/partition.py", "import time as t\nx = t.time()", "no wall clock"),
    ("processor/partition.py", "from time import time_ns", "no wall clock"),
    ("store/index.py", "import datetime as d\nx = d.datetime.now(d.UTC)", "no wall clock"),
    ("store/rocks.py", "import pickle", "data may not choose code"),
    ("gateway/app.py", "import importlib\nimportlib.import_module('x')", "data may not choose"),
    ("surprise/new.py", "", "no place in LAYERS"),
]

GOOD = [
    ("core/state/turn.py", "import msgspec\nimport hashlib\nfrom .ids import WfRunId"),
    ("core/nodes/task.py", "from penstock.core import ids\nfrom ..values import Value"),
    ("log/kafka/engine.py", "import confluent_kafka\nimport time\nx = time.monotonic()"),
    ("processor/ticker.py", "import time\nx = time.time()"),
    ("config.py", "import os\nx = os.environ.get('A')"),
    ("gateway/routes/runs.py", "from penstock.processor.partition import Partition"),
    ("store/rocks.py", "from rocksdict import Rdict\nfrom penstock import __version__"),
]


@pytest.mark.parametrize(("path", "source", "expected"), BAD)
def test_a_wrong_import_is_seen(path: str, source: str, expected: str) -> None:
    assert any(expected in text for text in problems(path, source)), problems(path, source)


@pytest.mark.parametrize(("path", "source"), GOOD)
def test_a_right_import_passes(path: str, source: str) -> None:
    assert problems(path, source) == []


def test_no_two_rooms_of_core_import_each_other() -> None:
    TopologicalSorter(ROOMS).prepare()  # raises where there is a circle


def test_sdk_and_cli_load_without_the_server_extra() -> None:
    """The wheel without extras brings no RocksDB and no web server; a worker must not miss them."""
    names = [
        f"penstock.{name}"
        for name in ("core", "contracts", "sdk", "builtin.worker", "cli", "log.kafka")
    ]
    script = (
        "import importlib, importlib.util, sys\n"
        "for name in ('rocksdict', 'starlette', 'uvicorn', 'uvloop', 'pydantic', 'yaml',\n"
        "             'obstore', 'opentelemetry'):\n"
        "    sys.modules[name] = None\n"
        f"for name in {names!r}:\n"
        "    if importlib.util.find_spec(name):\n"
        "        importlib.import_module(name)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
