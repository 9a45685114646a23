"""Applications: definitions that may be put again, and where workflows find their address."""

from typing import Any

import pytest

from penstock.core.commands.delete_application import DeleteApplication
from penstock.core.commands.put_application import PutApplication
from penstock.core.definitions.defs import Application
from tests.controls import a_task_def, chain, task, template
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

HOOKS = "https://example.com/hooks"
SAY = a_task_def("say", "JSON_OBJ", text="STR")


def test_an_application_gets_another_address(driver: Driver) -> None:
    """It keeps when it was made; the same address again is a repeat."""
    first = accepted(driver, PutApplication("shop", HOOKS))
    assert first.body == {"name": "shop", "version": 1}
    again = accepted(driver, PutApplication("shop", HOOKS))
    assert (again.body, again.repeated) == (first.body, True)
    made = driver.get(Application, "shop")
    assert made is not None
    other = accepted(driver, PutApplication("shop", "http://[2001:db8::1]:8080/?a=%20"))
    assert (other.body, other.repeated) == ({"name": "shop", "version": 2}, False)
    now = driver.get(Application, "shop")
    assert now is not None
    assert now.created_ms == made.created_ms <= now.updated_ms
    accepted(driver, DeleteApplication("shop"))
    assert driver.get(Application, "shop") is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "HTTPS://example.com/",
        "https://",
        "https:///x",
        "https://user:pw@example.com/",
        "https://exa mple.com/",
        "https://example.com/a b",
        "https://example.com/#top",
        "https://example.com/\n",
        "https://ex\u00e4mple.com/",
        "https://a..b/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://[::1/",
        "https://example.com/{{ uuid() }}",
        "https://example.com/" + "x" * 2_048,
        f"https://{'x' * 254}/",
    ],
)
def test_what_is_no_address_is_refused(memory: Driver, url: str) -> None:
    answer = refused(memory, PutApplication("shop", url), "BAD_VALUE")
    assert answer.message.startswith("webhook_url: ")
    assert memory.get(Application, "shop") is None


def test_an_application_is_refused(memory: Driver) -> None:
    for name in ("Shop", "my_shop", "shop-", "", "x" * 41):
        refused(memory, PutApplication(name, HOOKS), "BAD_NAME")
    refused(memory, PutApplication("shop", HOOKS, "x" * 5_000), "LIMIT")
    refused(memory, DeleteApplication("shop"), "APPLICATION_UNKNOWN")


def asks(text: str) -> Any:
    """A spec whose task is given what a template says."""
    return chain(task("say", inputs={"text": template(text, "TEXT")}))


def test_a_run_finds_the_address_of_the_time(driver: Driver) -> None:
    """It is looked up when the task is handed out, on whatever partition the run lives."""
    accepted(driver, PutApplication("my-shop", HOOKS))
    register(driver, "ask", asks("{{ applications['my-shop'].webhook_url }}"), SAY)
    run(driver, "ask").task("say", text=HOOKS)
    accepted(driver, PutApplication("my-shop", "http://other.example"))
    for wf_run_id in ("one", "two", "three", "four"):  # on several partitions
        driver.wait_until_open()
        story = run(driver, "ask", wf_run_id).task("say")
        assert story.taken.inputs["text"] in (HOOKS, "http://other.example")
    if driver.clock is not None:
        assert story.taken.inputs["text"] == "http://other.example"


def test_a_run_without_its_application_fails_by_name(memory: Driver) -> None:
    register(memory, "ask", asks("{{ applications['gone'].webhook_url }}"), SAY)
    story = run(memory, "ask").ends_with("VAR_SUB_ERROR")
    assert "applications.gone" in str(story.thread.failure)
    register(memory, "all", asks("{{ applications }}"), SAY)
    story = run(memory, "all").ends_with("VAR_SUB_ERROR")
    assert "name one" in str(story.thread.failure)
    accepted(memory, PutApplication("shop", HOOKS), tenant="other")
    register(memory, "theirs", asks("{{ applications.shop is defined }}"), SAY)
    run(memory, "theirs").task("say", text="false")
