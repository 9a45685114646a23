"""An address that has said that it takes nothing any more is not gone to again, by any run."""

from __future__ import annotations

from typing import Any

from penstock.core.commands.open_address import OpenAddress
from penstock.core.commands.put_application import PutApplication
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.definitions.defs import GoneAddress, InputVar, gone_name
from penstock.core.ids import partition_of_run
from penstock.core.state.rows import Rows
from penstock.core.state.transitions import TaskStatus
from tests.controls import a_task_def, chain, task, variable
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

THERE = "https://there.example/hooks"
POST = PutTaskDef(
    name="post",
    input_vars=(InputVar("url", "STR"), InputVar("name", "STR")),
    addressed_by=("url", "name"),
)


def posts(**node: Any) -> Any:
    """A spec whose task goes where the run says."""
    inputs = {"url": variable("url"), "name": variable("name")}
    made = chain(task("post", inputs=inputs, **node))
    made["threads"]["main"]["variables"] = [
        {"name": "url", "type": "STR"},
        {"name": "name", "type": "STR"},
    ]
    return made


def start(driver: Driver, partition: int = 0, **variables: Any) -> Story:
    """A run on that partition."""
    while True:
        wf_run_id = driver.new_id()
        if partition_of_run(wf_run_id, driver.topics.partitions) == partition:
            return run(driver, "flow", wf_run_id, **variables)


def keepers(driver: Driver) -> int:
    """How many partitions know that it is gone."""
    views = [driver.processor.view(number) for number in range(driver.topics.partitions)]
    rows = [None if view is None else Rows(view) for view in views]
    key = ("default", gone_name(THERE))
    return sum(one is not None and one.peek(GoneAddress, *key) is not None for one in rows)


def hears_that_it_is_gone(story: Story) -> None:
    """Its worker does."""
    said = {"exception": "GONE", "error": "answered 410", "address_gone": True}
    accepted(story.driver, story.report(TaskStatus.TASK_EXCEPTION, **said))


def is_refused(story: Story) -> None:
    """Nothing was handed out, and it is said why and what to do."""
    story.ends_with("GONE", "EXCEPTION").no_task("post")
    message = str(story.thread.failure)
    assert "takes nothing since" in message
    assert "answered 410" in message
    assert "put the application again" in message


def test_nobody_goes_there_until_the_application_is_put_again(driver: Driver) -> None:
    """On no partition, whatever the node says of retries; another address is not concerned."""
    accepted(driver, PutApplication("shop", THERE))
    register(driver, "flow", posts(max_attempts=5, retry_exceptions=True), POST)
    first = start(driver, partition=1, url=THERE).task("post")
    hears_that_it_is_gone(first)
    first.ends_with("GONE", "EXCEPTION")
    first.wait(lambda: keepers(driver) == driver.topics.partitions, "all keep it")
    kept = driver.get(GoneAddress, gone_name(THERE))
    assert kept is not None
    assert (kept.address, kept.heard_by) == (THERE, first.id)
    for partition in range(driver.topics.partitions):
        driver.wait_until_open()
        is_refused(start(driver, partition, url=THERE, name="x"))
    start(driver, url="https://else.example").task("post").succeeds().completes()
    answer = accepted(driver, PutApplication("shop", THERE))
    assert (answer.body, answer.repeated) == ({"name": "shop", "version": 1}, False)
    first.wait(lambda: keepers(driver) == 0, "nobody keeps it")
    start(driver, url=THERE).task("post").succeeds().completes()
    assert accepted(driver, PutApplication("shop", THERE)).repeated


def test_the_next_attempt_of_another_run_is_not_made(memory: Driver) -> None:
    """One that waits for it when the address is heard to be gone ends with that."""
    register(memory, "flow", posts(max_attempts=3, backoff={"base_ms": 60_000}), POST)
    waits = start(memory, url=THERE).task("post").fails()
    hears_that_it_is_gone(start(memory, url=THERE).task("post"))
    memory.pass_ms(61_000)
    memory.tick()
    is_refused(waits)
    assert [one.attempt.number for one in [waits.task_run]] == [2]


def test_a_name_is_an_address_where_nothing_else_is(memory: Driver) -> None:
    register(memory, "flow", posts(), POST)
    hears_that_it_is_gone(start(memory, name="default").task("post"))
    is_refused(start(memory, name="default"))
    start(memory, name="default", url=THERE).task("post").succeeds().completes()
    name = gone_name("default")
    accepted(memory, OpenAddress(name=name))
    start(memory, name="default").task("post").succeeds().completes()
    refused(memory, OpenAddress(name=name), "ADDRESS_UNKNOWN")


def test_who_says_so_of_no_address_closes_none(memory: Driver) -> None:
    """A TaskDef that names no inputs, and a success; the task itself is not tried again."""
    plain = a_task_def("post", url="STR", name="STR")
    register(memory, "flow", posts(max_attempts=3, retry_exceptions=True), plain)
    first = start(memory, url=THERE).task("post")
    hears_that_it_is_gone(first)
    first.ends_with("GONE", "EXCEPTION")
    second = start(memory, url=THERE).task("post")
    accepted(memory, second.report(TaskStatus.TASK_SUCCESS, address_gone=True))
    second.completes()
    assert memory.get(GoneAddress, gone_name(THERE)) is None


def test_a_masked_address_is_kept_of_nobody(memory: Driver) -> None:
    spec = posts()
    spec["threads"]["main"]["variables"][0]["masked"] = True
    register(memory, "flow", spec, POST)
    hears_that_it_is_gone(start(memory, url=THERE).task("post"))
    assert memory.get(GoneAddress, gone_name(THERE)) is None


def test_which_inputs_are_addresses_may_be_said_later(memory: Driver) -> None:
    plain = PutTaskDef(name="post", input_vars=POST.input_vars)
    accepted(memory, plain)
    assert not accepted(memory, POST).repeated
    assert accepted(memory, POST).repeated
    refused(memory, PutTaskDef(name="post", addressed_by=()), "ALREADY_EXISTS")
    for wrong in (("no",), ("url", "many")):
        inputs = (*POST.input_vars, InputVar("many", "JSON_ARR"))
        bad = PutTaskDef(name="other", input_vars=inputs, addressed_by=wrong)
        refused(memory, bad, "BAD_VALUE")
