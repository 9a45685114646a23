"""W4: a workflow that names no task posts to the webhook_url of its application."""

import asyncio
import json
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from penstock.builtin.keys import KeyFile
from penstock.builtin.tasks import BuiltinTasks
from penstock.core.commands.delete_application import DeleteApplication
from penstock.core.commands.put_application import PutApplication
from penstock.core.values.timestamps import date_text
from penstock.sdk.attempt import Attempt
from penstock.stepped.definition import SEND_WEBHOOK
from tests.builtin.clients import awaited, outbound
from tests.builtin.receivers import OK, Receiver, raw, receiving
from tests.dialects.workflows import HOOKS, WorkflowRun, define, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

DELIVERED = {"code": 204, "webhook_id": "w", "timestamp": "2026-01-31 12:00:00 UTC"}
SECRET = "whsec_" + "c2VjcmV0" * 6
BOUGHT = {"order": [1, {"n": "é"}]}


def posted(run: WorkflowRun) -> dict[str, Any]:
    """What the next webhook is to say, and where it goes."""
    run.task(SEND_WEBHOOK)
    return run.taken.inputs


def test_w04_the_context_is_told_and_stays(driver: Driver) -> None:
    run = start(driver, define(driver, "tell"), BOUGHT, "r1")
    inputs = posted(run)
    reached_ms = run.task_run.history[0].at_ms
    assert inputs == {
        "type": "workflow.task",
        "data": {
            "id": "flow_r1",
            "workflow_name": "tell",
            "workflow_version": 1,
            "context": BOUGHT,
        },
        "url": HOOKS,
        "endpoint": "shop",
        "timestamp": date_text(reached_ms),
    }
    run.succeeds(DELIVERED).completes(BOUGHT)
    shown = run.one(SEND_WEBHOOK)
    assert shown["context_in"] == shown["context_out"] == BOUGHT
    assert shown["diff"] == {"added": [], "removed": [], "changed": []}


def test_w04_it_is_posted_to_the_url_of_the_application(driver: Driver, tmp_path: Path) -> None:
    """By the task of the engine's own, over a real socket, and signed."""
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[webhooks.shop]\nsecrets = ["{SECRET}"]\n')

    async def delivered() -> Receiver:
        async with receiving(raw(OK)) as receiver:
            run = start(driver, define(driver, "tell", hooks=f"{receiver.url}/hooks"), BOUGHT, "r1")
            posted(run)
            sender = BuiltinTasks(outbound(receiver), KeyFile(keys)).send_webhook
            accepted(driver, await awaited(Attempt(sender, run.taken, "worker")))
            run.completes(BOUGHT)
            return receiver

    [came] = asyncio.run(delivered()).requests
    assert came.line.startswith("POST /hooks ")
    Webhook(SECRET).verify(came.body, came.headers)
    told = json.loads(came.body)
    assert (told["type"], told["data"]["id"]) == ("workflow.task", "flow_r1")
    assert told["data"]["context"] == BOUGHT


def test_w04_a_webhook_between_two_tasks(driver: Driver) -> None:
    """It is a task like any, and may be named."""
    run = start(driver, define(driver, "tell", "pay", SEND_WEBHOOK, "ship"), {})
    run.task("pay").succeeds({"paid": True})
    assert posted(run)["data"]["context"] == {"paid": True}
    run.succeeds(DELIVERED)
    run.task("ship", context={"paid": True}).succeeds({"sent": 1}).completes({"sent": 1})


def test_w04_the_address_is_that_of_the_time(memory: Driver) -> None:
    """A retry is the same message to the same address; a later task goes to the new one."""
    name = define(memory, "tell")
    run = start(memory, name)
    assert posted(run)["url"] == HOOKS
    accepted(memory, PutApplication("shop", "https://new.example/"))
    run.fails()
    assert run.went(SEND_WEBHOOK) == "pending queued pending_retry"
    memory.pass_ms(5_000)
    assert posted(run)["url"] == HOOKS
    assert posted(start(memory, name))["url"] == "https://new.example/"


def test_w04_an_application_that_is_gone(memory: Driver) -> None:
    """The run fails there by name, and goes on once it is back."""
    name = define(memory, "tell")
    accepted(memory, DeleteApplication("shop"))
    run = start(memory, name)
    run.ends_with("VAR_SUB_ERROR")
    assert run.went(SEND_WEBHOOK) == "pending failed"
    accepted(memory, PutApplication("shop", HOOKS))
    run.is_rescued()
    assert posted(run)["url"] == HOOKS
    run.succeeds(DELIVERED).completes({})
    assert run.went(SEND_WEBHOOK) == "pending failed restarting pending queued success"


def test_w04_what_the_receiver_refuses_for_good(driver: Driver) -> None:
    """No retry; the run has failed."""
    run = start(driver, define(driver, "tell"))
    run.task(SEND_WEBHOOK).throws("ENDPOINT_GONE").is_now("EXCEPTION")
    assert (run.shown["state"], run.states()) == ("failed", "failed")
