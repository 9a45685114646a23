"""docs/reference/commands.md."""

from __future__ import annotations

import sys
from collections import defaultdict

from penstock.core.command import CommandType, Sender, of_partition_0, of_wf_run
from penstock.core.commands import COMMANDS
from penstock.core.errors import Code
from penstock.core.permissions import NEEDS
from tests.docs.reference.words import (
    fields_table,
    first_paragraph,
    paragraph,
    parts_of,
    table,
    upper,
)
from tests.sim.matrix import all_refusals

HEAD = """\
# Commands

What changes something is a command: a record on the topic `commands`, by hand, from the
[client](../CLIENT.md), or over [HTTP](../HTTP.md), whose routes have the fields of the command.
The schemas are in `schemas/command`; [protocol.md](../protocol.md) has the keys, the headers and
the answers. What a refusal means and what to do about it stands in [errors.md](errors.md).

Every command of a client's may be refused with {common}; a command about a run also with
WRONG_PARTITION and WF_RUN_DELETING. Those are not repeated below.
"""
COMMON = (
    *(Code.MALFORMED, Code.EXPIRED, Code.VERSION_UNKNOWN, Code.PERMISSION_DENIED),
    *(Code.COMMAND_ID_REUSED, Code.ENGINE_DEFECT),
)
SILENT = frozenset(map(str, (*COMMON, Code.WRONG_PARTITION, Code.WF_RUN_DELETING)))


def page() -> str:
    """Every command, with its fields and refusals."""
    refusals: defaultdict[str, list[str]] = defaultdict(list)
    for name, code in sorted(all_refusals()):
        if str(code) not in SILENT:
            refusals[name].append(str(code))
    clients = [one for one in COMMANDS if one.sender is Sender.CLIENT]
    engines = [one for one in COMMANDS if one.sender is Sender.ENGINE]
    text = [HEAD.replace("{common}", ", ".join(COMMON))]
    for one in sorted(clients, key=_name):
        text += _command(one, refusals[_name(one)])
    text.append("## Parts\n")
    records = [one.record for one in clients]
    for part in parts_of(records, frozenset(records)):
        text += [f"### {part.__name__}\n", paragraph(part.__doc__) + "\n", fields_table(part)]
    text.append("## Of the engine's own\n")
    text.append(
        "Sent between partitions, or by the owner of one; from anybody else they are FORBIDDEN.\n"
    )
    rows = ((f"`{_name(one)}`", _about(one)) for one in sorted(engines, key=_name))
    text.append(table(("command", "what it does"), rows))
    return "\n".join(text)


def _name(kind: CommandType) -> str:
    return kind.record.__name__


def _about(kind: CommandType) -> str:
    about = first_paragraph(sys.modules[kind.handle.__module__].__doc__)
    return upper(about.partition(": ")[2] or about)


def _command(kind: CommandType, refusals: list[str]) -> list[str]:
    needs = ", ".join(
        f"{need.action} of {need.resource} {need.about}".rstrip() for need in NEEDS[kind.record]
    )
    facts = [f"Needs {needs}."]
    if kind.key is of_wf_run:
        facts.append("Goes to the partition of the run.")
    elif kind.key is of_partition_0:
        facts.append("Is decided on partition 0.")
    if kind.audited:
        facts.append("Stands in the run's audit.")
    refused = (
        ", ".join(f"[{code}](errors.md#{code.lower()})" for code in refusals) or "nothing else"
    )
    return [
        f"## {_name(kind)}\n",
        _about(kind) + "\n",
        f"**It says:** {paragraph(kind.record.__doc__)}\n",
        " ".join(facts) + "\n",
        fields_table(kind.record) or "No fields.\n",
        f"Refused with: {refused}.\n",
    ]
