"""User tasks of the naive model: who has one, and what persons may do to it. A verb is a method; it
raises Refused, or changes the form.
"""

from __future__ import annotations

from typing import Any, Final

from tests.sim.naive_thread import Form, Refused

FIELDS: Final = ("agreed", "note")


class Persons:
    """What is done to one form, in the words of the commands."""

    def __init__(self, form: Form) -> None:
        self.form = form

    def act(self, verb: str, **given: Any) -> None:
        """Do it, unless the user task has ended."""
        if not self.form.live:
            raise Refused("USER_TASK_ENDED")
        getattr(self, verb)(**given)

    def claim(self, user_id: str) -> None:
        """Nobody else may have it."""
        if self.form.user not in (None, user_id):
            raise Refused("USER_TASK_CLAIMED")
        self.form.user = user_id

    def assign(self, user_id: str | None, user_group: str | None, override_claim: bool) -> None:
        """From a user it is taken only if that is said; who has it already keeps it."""
        form = self.form
        if (user_id, user_group) == (form.user, form.group):
            return
        if form.user not in (None, user_id) and not override_claim:
            raise Refused("USER_TASK_CLAIMED")
        form.user, form.group = user_id, user_group

    def release(self) -> None:
        """It is its group's again."""
        if self.form.user is None:
            raise Refused("USER_TASK_NOT_ASSIGNED")
        if self.form.group is None:
            raise Refused("USER_TASK_NO_GROUP")
        self.form.user = None

    def save(self, user_id: str, results: dict[str, Any]) -> None:
        """What another user has is not saved."""
        if self.form.user not in (None, user_id):
            raise Refused("USER_TASK_CLAIMED")
        self.form.results |= results

    def complete(self, user_id: str, results: dict[str, Any], override: bool) -> None:
        """Somebody has it, and every field is there."""
        form = self.form
        if form.user is None:
            raise Refused("USER_TASK_NOT_ASSIGNED")
        if form.user != user_id and not override:
            raise Refused("USER_TASK_CLAIMED")
        if "agreed" not in results:
            raise Refused("FIELD_REQUIRED")
        form.user, form.ended = user_id, "DONE"
        form.results = {name: results.get(name) for name in FIELDS}

    def cancel(self) -> None:
        """Its node fails."""
        self.form.ended = "CANCELLED"
