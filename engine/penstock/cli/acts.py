"""What is done to runs, user tasks, schedules and events: the methods of the client, as verbs."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from penstock.cli.described import Method, add_verb
from penstock.cli.objects import handle
from penstock.cli.words import Verbs
from penstock.sdk.calls.bulk import Bulk
from penstock.sdk.calls.events import Events
from penstock.sdk.calls.run_verbs import RunVerbs
from penstock.sdk.calls.schedules import Schedules
from penstock.sdk.calls.user_tasks import UserTasks
from penstock.sdk.subject import Subject

OF_RUN: Final = {
    **{
        name.replace("_", "-"): name
        for name in (
            *(
                "stop",
                "resume",
                "pause",
                "rescue",
                "kill",
                "restart",
                "replay",
                "skip",
                "retry_now",
            ),
            *("edit_variable", "change_state", "change_run_state", "shutdown_task", "restart_task"),
            *("set_labels", "migrate", "force"),
        )
    },
    "signal": "put_event",
    "delete-run": "delete",
}
"""Verbs about a run, and the method of its handle."""

ALIASES: Final = {"retry-now": ("retry",)}

GROUPS: Final[dict[str, tuple[str, type[Subject[Any]], str, tuple[str, ...]]]] = {
    "user-tasks": (
        *("user_tasks", UserTasks, "forms that people fill in"),
        (
            *("find", "get", "assign", "claim", "release", "save", "complete", "cancel", "audit"),
            *("comments", "comment", "edit_comment", "delete_comment"),
        ),
    ),
    "schedules": (
        *("schedules", Schedules, "runs that are started by time"),
        ("make", "get", "list", "pause", "resume", "delete"),
    ),
    "events": (
        *("events", Events, "events under a key"),
        ("put", "get", "list", "delete"),
    ),
    "bulk": (
        *("bulk", Bulk, "one verb on many runs"),
        ("preview", "start", "get", "list", "wait", "cancel"),
    ),
}
"""Words that have verbs of their own: what a client has of it, what that is, and its methods."""

REHEARSALS: Final = {("bulk", "start"): "preview"}
"""What says what another would do: its --dry-run."""

READS: Final = frozenset({"find", "get", "list", "audit", "comments"})


def add(verbs: Verbs) -> None:
    """A verb for each."""
    for verb, name in OF_RUN.items():
        aliases = ALIASES.get(verb, ())
        add_verb(verbs, verb, Method(RunVerbs, name, handle), run=True, aliases=aliases)
    for word, (attribute, owner, said, names) in GROUPS.items():
        group = verbs.add_parser(word, help=said)
        acts = group.add_subparsers(dest="kind", required=True, metavar="WHAT")
        of = attrgetter(attribute)
        for name in names:
            rehearsal = REHEARSALS.get((word, name), "")
            method = Method(owner, name, lambda _, client, of=of: of(client), rehearsal)
            add_verb(acts, name.replace("_", "-"), method, reads=name in READS)
