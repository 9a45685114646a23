"""Persons in the simulator, who have user tasks: they claim, save, complete, comment, hand over and
give back, whether they may or not. What they do is a table, by weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from penstock.core.command import Command
from penstock.core.commands.assign_user_task_run import AssignUserTaskRun
from penstock.core.commands.cancel_user_task_run import CancelUserTaskRun
from penstock.core.commands.claim_user_task_run import ClaimUserTaskRun
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.delete_user_task_comment import DeleteUserTaskComment
from penstock.core.commands.edit_user_task_comment import EditUserTaskComment
from penstock.core.commands.put_user_task_comment import PutUserTaskComment
from penstock.core.commands.release_user_task_run import ReleaseUserTaskRun
from penstock.core.commands.save_user_task_run import SaveUserTaskRun
from penstock.core.state.user_task_rows import UserTaskRun
from tests.sim.inbox import Inbox
from tests.sim.nodes import GROUP, USERS
from tests.sim.people import Sender

Fields = dict[str, Any]
Verb = Callable[[Random, Fields], Command]

FILLED: Final = {"agreed": True, "note": "so be it"}


def _by(chance: Random) -> str:
    return chance.choice(USERS)


def _assign(chance: Random, of: Fields) -> Command:
    user, group = chance.choice(((USERS[0], None), (None, GROUP), (USERS[1], GROUP)))
    over = chance.random() < 0.5
    return AssignUserTaskRun(**of, user_id=user, user_group=group, override_claim=over)


def _claim(chance: Random, of: Fields) -> Command:
    return ClaimUserTaskRun(**of, user_id=_by(chance))


def _release(chance: Random, of: Fields) -> Command:
    return ReleaseUserTaskRun(**of)


def _save(chance: Random, of: Fields) -> Command:
    results = chance.choice(({"note": "well"}, {"agreed": False}, {"agreed": "no BOOL"}))
    return SaveUserTaskRun(**of, user_id=_by(chance), results=results)


def _complete(chance: Random, of: Fields) -> Command:
    results = chance.choice((FILLED, FILLED, {"note": "one field is missing"}))
    over = chance.random() < 0.5
    return CompleteUserTaskRun(**of, user_id=_by(chance), results=results, override=over)


def _cancel(chance: Random, of: Fields) -> Command:
    return CancelUserTaskRun(**of)


def _comment(chance: Random, of: Fields) -> Command:
    return PutUserTaskComment(**of, user_id=_by(chance), text="hm")


def _edit(chance: Random, of: Fields) -> Command:
    return EditUserTaskComment(**of, user_id=_by(chance), text="ah", comment=1)


def _delete(chance: Random, of: Fields) -> Command:
    return DeleteUserTaskComment(**of, user_id=_by(chance), comment=1)


VERBS: Final[tuple[tuple[int, Verb], ...]] = (
    (3, _claim),
    (4, _complete),
    (2, _save),
    (2, _assign),
    (1, _release),
    (1, _cancel),
    (1, _comment),
    (1, _edit),
    (1, _delete),
)
"""What persons do, by weight."""


@dataclass(slots=True)
class Assignees:
    """They know of the user tasks that they were told of."""

    sender: Sender
    inbox: Inbox

    def act(self) -> None:
        """Do something to a user task; often to one that has ended meanwhile."""
        chance = self.sender.broker.chance.random
        self.inbox.read()
        if not self.inbox.user_tasks:
            return
        wf_run_id, guid = chance.choice(sorted(self.inbox.user_tasks))
        [verb] = chance.choices([verb for _, verb in VERBS], [weight for weight, _ in VERBS])
        command = verb(chance, {"wf_run_id": wf_run_id, "guid": guid})
        command_id = self.sender.new_id("form") if chance.random() < 0.7 else None
        self.sender.send(command, command_id)

    def complete(self, row: UserTaskRun) -> None:
        """Somebody takes it and fills it in, whoever has it."""
        of = {"wf_run_id": row.wf_run_id, "guid": row.guid}
        claim = ClaimUserTaskRun(**of, user_id=USERS[0])
        self.sender.send(claim, self.sender.new_id("form"))
        filled = CompleteUserTaskRun(**of, user_id=USERS[0], results=FILLED, override=True)
        self.sender.send(filled, self.sender.new_id("form"))
