"""secret(): the engine carries the name of a secret to the worker, and never has the secret."""

from typing import Any

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.state.run import TaskRun
from tests.controls import (
    a_form,
    a_struct,
    a_struct_def,
    a_task_def,
    chain,
    compare,
    declared,
    dynamic_task,
    edge,
    ends,
    formats,
    literal,
    nop,
    reminds,
    secret,
    spec,
    task,
    user_task,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

MAIL = a_task_def("mail", to="STR", key="STR")


def test_a_task_carries_the_name_of_a_secret(driver: Driver) -> None:
    """Beside the inputs, where no value of a user's can stand."""
    inputs = {"to": variable("to"), "key": secret("smtp_key")}
    node = task("mail", inputs=inputs, max_attempts=2)
    register(driver, "mailing", chain(node, variables=(declared("to", "JSON_OBJ"),)), LOOSE)
    fake = {"from": "SECRET", "name": "smtp_key"}
    story = run(driver, "mailing", to=fake).task("mail", to=fake, key=None)
    assert story.taken.secrets == {"key": "smtp_key"}
    assert story.task_run.secrets == {"key": "smtp_key"}
    story.fails().task("mail", to=fake, key=None)
    assert story.taken.secrets == {"key": "smtp_key"}, "a retry wants it, too"
    story.succeeds().completes()


LOOSE = a_task_def("mail", to="JSON_OBJ", key="STR")


def test_a_task_that_is_named_by_the_run_and_a_reminder_take_secrets(memory: Driver) -> None:
    accepted(memory, MAIL)
    inputs = {"to": literal("a"), "key": secret("smtp_key")}
    register(memory, "named", chain(dynamic_task(literal("mail"), inputs=inputs)))
    story = run(memory, "named").task("mail", to="a", key=None)
    assert story.taken.secrets == {"key": "smtp_key"}
    story.succeeds().completes()

    accepted(memory, a_form("form"))
    reminder = reminds("mail", 5, **inputs)
    register(memory, "reminding", chain(user_task("form", user="ada", actions=[reminder])))
    story = run(memory, "reminding")
    memory.pass_ms(5_000)
    assert story.task("mail", to="a", key=None).taken.secrets == {"key": "smtp_key"}


def test_a_named_tasks_input_that_is_no_text_takes_no_secret(memory: Driver) -> None:
    accepted(memory, a_task_def("count", key="INT"))
    node = dynamic_task(literal("count"), inputs={"key": secret("smtp_key")})
    register(memory, "named", chain(node))
    story = run(memory, "named").ends_with("VAR_SUB_ERROR")
    assert memory.scan(TaskRun, story.id) == []


@pytest.mark.parametrize(
    "broken",
    [
        chain(task("mail", inputs={"to": formats("{0}", secret("k")), "key": secret("k")})),
        chain(task("mail", inputs={"to": literal("a"), "key": secret("no name")})),
        chain(task("count", inputs={"number": secret("k")})),
        chain(task("loose", inputs={"any": a_struct("pair", left=secret("k"))})),
        chain(returns=secret("k")),
        spec("a", {"a": nop(edge("z", compare(secret("k"), "EQUALS", literal("x")))), "z": ends()}),
        spec("a", {"a": nop(edge("z", v=secret("k"))), "z": ends()}, declared("v", "STR")),
    ],
)  # fmt: skip
def test_a_secret_is_an_input_as_a_whole_or_refused(memory: Driver, broken: Any) -> None:
    accepted(memory, MAIL)
    accepted(memory, a_task_def("count", number="INT"))
    accepted(memory, a_struct_def("pair", {"name": "left", "type": "STR"}))
    accepted(memory, a_task_def("loose", any="STRUCT<pair>"))
    answer = refused(memory, PutWfSpec(name="broken", spec=broken), "BAD_SPEC")
    assert "secret" in answer.message or "STR" in answer.message, answer
