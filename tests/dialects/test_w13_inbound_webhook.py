"""A workflow is started by whoever posts to its webhook."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.definitions.webhooks import key_hash
from penstock.stepped.compiler import compile_webhook
from tests.dialects.workflows import WorkflowRun, define
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused

NAME = "shop.sell"
HASH = key_hash(NAME, "sell-key-0123456789")


def posted(driver: Driver, wf_run_id: str, body: Any) -> WorkflowRun:
    """A request that starts a run, once its partition knows the webhook."""
    driver.wait_until_open()
    command = RunByWebhook(NAME, wf_run_id, body)
    while (answer := driver.send(command)).code == "WEBHOOK_UNKNOWN":
        pass
    assert answer.ok, answer
    return WorkflowRun(driver, wf_run_id)


def test_w13_a_run_begins_with_what_was_posted(driver: Driver) -> None:
    """The context in the body, or the body, or none."""
    assert define(driver, "sell", "pay") == NAME
    accepted(driver, compile_webhook("shop", "sell", HASH))
    cases = (({"context": {"n": 1}, "more": 2}, {"n": 1}), ({"n": 2}, {"n": 2}), (None, {}))
    for number, (body, context) in enumerate(cases):
        run = posted(driver, f"r{number}", body)
        run.task("pay", context=context).succeeds({"paid": True}).completes({"paid": True})
        assert run.states() == "success"


@pytest.mark.parametrize("body", [[1], "text", 7, True, {"context": 7}, {"context": [1]}])
def test_w13_what_is_no_context_starts_nothing(memory: Driver, body: Any) -> None:
    define(memory, "sell", "pay")
    accepted(memory, compile_webhook("shop", "sell", HASH))
    refused(memory, RunByWebhook(NAME, "r", body), "BAD_VALUE")
