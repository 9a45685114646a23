"""docs/reference/errors.md."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import penstock
from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.errors import MENDED_BY_TIME
from penstock.core.state.failures import GROUPS, UNHANDLED
from penstock.gateway.client_remedies import OF_CLIENTS
from penstock.gateway.dead_letters import EXPLAINED
from penstock.gateway.errors import STATUS_OF
from penstock.gateway.failure_remedies import OF_FAILURES, Explained
from penstock.gateway.remedies import OF_REFUSALS, OF_STOPS, OF_THE_EDGE
from tests.docs.reference.words import links, table, upper

HEAD = """\
# Errors

Codes never change their meaning; messages are for people and may change. `penstock explain CODE`
says the same as this page. [HTTP.md](../HTTP.md#errors) has the form of an error, and
[CLIENT.md](../CLIENT.md#when-something-goes-wrong) the exceptions of the client.
"""
CORE = Path(penstock.__file__).parent / "core"


REFUSED = """\
A command that is refused changes nothing. The refusal is remembered for its command id, but for
those that time mends: {mended}.
"""
FAILED = """\
The names of technical failures, which end a thread in ERROR. Any other name is a business
exception. Handlers may name these groups: {groups}. Nobody handles {unhandled}.
"""
FAULTY = """\
BAD_SPEC and DEFINITION_UNKNOWN have `faults`: of which kind, the thread, the node, and a sentence
with what is wrong there. The sentences of each kind, with `…` for what is of the case:
"""


def page() -> str:
    """Every code, what it means and what to do."""
    head = "what it means", "what to do"
    failures = ((f"`{code}`", *told) for code, told in OF_FAILURES.items())
    clients = ((f"`{code}`", *told) for code, told in OF_CLIENTS.items())
    letters = ((f"`{code}`", *told) for code, told in EXPLAINED.items())
    unhandled = ", ".join(sorted(UNHANDLED))
    return "\n".join(
        (
            HEAD,
            "## Refusals\n",
            REFUSED.format(mended=", ".join(sorted(MENDED_BY_TIME))),
            *_codes(OF_REFUSALS),
            "## Of the gateway\n",
            *_codes(OF_THE_EDGE),
            "## A partition that is stopped\n",
            "Requests to it get 503 with the cause; `penstock doctor` names it, too.\n",
            *_codes(OF_STOPS),
            "## Failures of runs\n",
            FAILED.format(groups=_groups(), unhandled=unhandled),
            table(("failure", *head), _sentences(failures)),
            "## Of clients\n",
            "A client gives these itself: no server has said so.\n",
            table(("code", *head), _sentences(clients)),
            "## Dead letters\n",
            table(("code", *head), _sentences(letters)),
            "## Faults of a WfSpec\n",
            FAULTY,
            table(("kind", "what is said"), _faults()),
        )
    )


def _codes(table_of: Mapping[Any, Explained]) -> Iterator[str]:
    for code, (means, mend) in table_of.items():
        yield f"### {code}\n"
        yield f"{upper(means)}. HTTP status {STATUS_OF[code]}.\n"
        yield f"**What to do:** {links(mend)}.\n"


def _groups() -> str:
    return ", ".join(
        f"{name} ({'all' if len(of) > 5 else ', '.join(sorted(of))})" for name, of in GROUPS.items()
    )


def _sentences(rows: Iterator[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    return ((name, upper(means) + ".", upper(links(mend)) + ".") for name, means, mend in rows)


def _faults() -> Iterator[tuple[str, str]]:
    said: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for path in sorted(CORE.rglob("*.py")):
        for kind, sentence in _said_in(ast.parse(path.read_text(encoding="utf-8"))):
            said[kind][sentence] = None
    for kind in FaultKind:
        yield f"`{kind}`", "; ".join(said[kind]) or "see the message"


def _said_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The kinds of faults that are named in calls, each with the sentence that comes next."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        for kind, sentence in zip(node.args, node.args[1:], strict=False):
            name = kind.attr if isinstance(kind, ast.Attribute) else ""
            of_kinds = isinstance(kind, ast.Attribute) and isinstance(kind.value, ast.Name)
            if of_kinds and kind.value.id == "FaultKind" and (text := _text(sentence)):
                yield name, text


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or "…" for part in parts)
        case _:
            return ""
