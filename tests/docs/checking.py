"""Checks of code blocks that are not run: whether what they type can be typed, and what they send
can be sent.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import yaml

from penstock.cli.command import command_parser
from penstock.flows.compiler import compile_flow
from penstock.flows.reader import read_flow
from penstock.gateway.app import ROUTES
from penstock.gateway.web import ApiRoute
from tests.docs.blocks import ROOT, Block

MAKE_TARGETS: Final = frozenset(
    re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
)
OTHER_PROGRAMS: Final = frozenset(
    (
        *("cd", "chmod", "export", "openssl", "printf", "pip", "pytest", "."),
        *("docker", "helm", "install", "kubectl", "openssl", "python3", "sh", "acls.sh", "user.sh"),
    )
)
FILES_NAMED: Final = ("admin.key", "kafka.conf")  # which options of ours read
A_FLOW: Final = (
    "id: f\nnamespace: company.team\ntasks: [{id: a, type: return}]\n"
    "inputs: [{id: n, type: INT, defaults: 0}, {id: day, type: STRING, defaults: today}]\n"
)
CHART: Final = ROOT / "deploy" / "helm" / "penstock"
DIAGRAMS: Final = frozenset({"ARCHITECTURE.md", "protocol.md"})
_REQUEST: Final = re.compile(r"^(GET|POST|PUT|DELETE) (/\S*)(?: +(.*))?$")


def check(block: Block) -> None:
    """Raises AssertionError, or what a reader raises, for a block that is wrong."""
    kind = block.language or guessed(block)
    checker = CHECKERS.get(kind)
    assert checker is not None, f"nobody knows how to check a block of {kind!r}"
    checker(block)


def guessed(block: Block) -> str:
    """What an indented block is."""
    first = block.text.split(maxsplit=1)[0].rpartition("/")[2]
    if _REQUEST.match(block.text.splitlines()[0]):
        return "http"
    if first in {"penstock", "make", "curl", "python"} | OTHER_PROGRAMS or first.startswith(
        "client."
    ):
        return "sh"
    if first in ("from", "import"):
        return "python"
    if first == "triggers:":
        return "yaml"
    if first.startswith("["):
        return "toml"
    if block.page.name in DIAGRAMS:
        return "text"
    return "json"


# --- shells ---------------------------------------------------------------------------------------


def _shell(block: Block) -> None:
    for line in block.text.splitlines():
        typed = re.split(r" {3,}", line)[0].strip()  # what comes later, or below, is about it
        for command in filter(None, re.split(r" && ", typed)):
            _command(command)


def _command(command: str) -> None:
    if command.startswith("client."):
        ast.parse(command)
        return
    words = shlex.split(command, comments=True)
    words = words[1:] if re.fullmatch(r"\w+=\S+", words[0]) else words
    match words[0]:
        case "penstock":
            _penstock(words[1:])
        case "make":
            targets = [word for word in words[1:] if "=" not in word]
            assert set(targets) <= MAKE_TARGETS, f"make has no {targets}"
        case "curl":
            _curl(words[1:])
        case "npx":
            assert words[1] == "vite"
        case "python":
            assert (ROOT / words[1]).is_file(), f"there is no {words[1]}"
        case program:
            known = program.rpartition("/")[2] in OTHER_PROGRAMS
            assert known, f"{command!r} is no command that is known"
            for word in words:
                there = not word.startswith("deploy/") or (ROOT / word).exists()
                assert there or "secrets/" in word, f"there is no {word}"


def _penstock(words: list[str]) -> None:
    """The command line takes it, with something in the place of what stands for something."""
    words = words[: words.index(">")] if ">" in words else words
    plain = [word.strip("[]") for word in words if word not in ("...", "…")]
    if len(plain) < len(words) and plain[0] == "server":
        plain += ["--kafka", "here:9092"]
    stands = {"NUMBER": "1", "N": "1", "NAME": "name"}
    try:
        command_parser().parse_args([stands.get(word, word) for word in plain])
    except SystemExit as error:
        raise AssertionError(f"penstock does not take {' '.join(words)}") from error


def _curl(words: list[str]) -> None:
    [url] = [word for word in words if "/v1/" in word]
    body = words[words.index("-d") + 1] if "-d" in words else ""
    _sent("POST" if body else "GET", "/v1/" + url.partition("/v1/")[2], body)


# --- requests -------------------------------------------------------------------------------------


def _requests(block: Block) -> None:
    for method, path, body in _sendings(block.text):
        _sent(method, path, body)


def _sendings(text: str) -> Iterator[tuple[str, str, str]]:
    """Each request, with the lines of its body; answers begin with their status."""
    found: list[list[str]] = []
    for line in text.splitlines():
        request = _REQUEST.match(line)
        if request is not None:
            found.append([request[1], request[2], request[3] or ""])
        elif re.match(r"\d{3} ", line):
            _json_of(line[4:])
        elif line.strip():
            assert found, f"{line!r} is no request"
            found[-1][2] += f" {line}"
    for method, path, body in found:
        yield method, path, body if body.lstrip().startswith("{") else ""


def _sent(method: str, path: str, body: str) -> None:
    """There is such a route, and it knows each field of the body."""
    bare = path.partition("?")[0]
    fitting = [
        one
        for one in ROUTES
        if isinstance(one, ApiRoute) and one.method == method and one.path_regex.match(bare)
    ]
    assert fitting, f"there is no route {method} {bare}"
    if not body:
        return
    told = _json_of(body)
    says = fitting[0].says
    if says is not None and says.body is not None:
        fields = {*says.body.__struct_encode_fields__, *says.bodies}
        assert set(told) <= fields, f"{method} {bare} takes no {sorted(set(told) - fields)}"


def _json_of(text: str) -> Any:
    """JSON, in which `{...}` and `[...]` stand for something."""
    return json.loads(re.sub(r"\{\.\.\.\}", "{}", text).replace("[...]", "[]"))


# --- others ---------------------------------------------------------------------------------------


def _yaml(block: Block) -> None:
    if block.text.startswith(("id:", "triggers:")):
        text = block.text if block.text.startswith("id:") else A_FLOW + block.text
        compile_flow(read_flow(text))
    else:
        given = _over(
            yaml.safe_load((CHART / "values.yaml").read_text()), yaml.safe_load(block.text)
        )
        jsonschema_rs.validate(json.loads((CHART / "values.schema.json").read_text()), given)


def _over(values: Any, given: Any) -> Any:
    """What Helm makes of the chart's values and of those that are given."""
    if not isinstance(values, dict) or not isinstance(given, dict):
        return given
    return values | {name: _over(values.get(name), one) for name, one in given.items()}


def _ini(block: Block) -> None:
    parser = configparser.ConfigParser(strict=False)
    parser.read_string(block.text if block.text.startswith("[") else f"[settings]\n{block.text}")
    assert any(parser[name] for name in parser.sections())


def _toml(block: Block) -> None:
    assert tomllib.loads(block.text)


def _json(block: Block) -> None:
    _json_of(block.text)


def _python(block: Block) -> None:
    compile(block.text, block.where, "exec")


def _anything(_: Block) -> None:
    """Text for people; consoles are followed, see following.py."""


CHECKERS: Final[dict[str, Callable[[Block], None]]] = {
    "sh": _shell,
    "http": _requests,
    "yaml": _yaml,
    "toml": _toml,
    "ini": _ini,
    "json": _json,
    "python": _python,
    "text": _anything,
    "console": _anything,
}


def prepare(folder: Path) -> None:
    """Files that commands name are there."""
    for name in FILES_NAMED:
        (folder / name).write_text("")
