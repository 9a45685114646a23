"""A workflow of an application, from its definition to the signed webhook: real processes."""

import json
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from penstock import Client, Worker, task
from tests.builtin.test_end_to_end import SECRET, HTTPServer, Receiver, builtin, receiver
from tests.sdk.servers import running_server

__all__ = ["receiver"]


@task(name="e2e-pay")
def pay(context: dict[str, Any]) -> dict[str, Any]:
    return context | {"paid": context["price"]}


def test_a_workflow_ends_with_its_webhook(tmp_path: Path, receiver: HTTPServer) -> None:
    """The second attempt is taken; the context is told, and is what the run returns."""
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(f'[webhooks.shop]\nsecrets = ["{SECRET}"]')
    port = receiver.server_port
    env = {
        "PENSTOCK_ALLOW": "127.0.0.1",
        "PENSTOCK_ALLOW_PORTS": str(port),
        "PENSTOCK_SECRETS": str(secrets),
    }
    with (
        running_server(tmp_path / "data", env=env, builtin=True) as url,
        Client(url) as client,
        Worker(pay, url=url),
    ):
        client.register(pay, builtin.send_webhook)
        client.put_application("shop", f"http://127.0.0.1:{port}/hooks")
        retry = {"max_attempts": 3, "backoff": {"base_ms": 50}}
        name = client.put_workflow("shop", "sell", ["e2e-pay", "send-webhook"], retry=retry)
        assert name == "shop.sell"
        run = client.run(name, context={"price": 7})
        assert run.result(timeout=30) == {"price": 7, "paid": 7}
        assert client.put_workflow("shop", "sell", ["e2e-pay", {"task": "send-webhook"}]) == name
        newer = client.run(name, version=1, context={"price": 8})
        assert newer.result(timeout=30) == {"price": 8, "paid": 8}
    first, second, third = Receiver.came
    assert first[1]["webhook-id"] == second[1]["webhook-id"] != third[1]["webhook-id"]
    assert first[2] == second[2]
    for _, headers, body in Receiver.came:
        Webhook(SECRET).verify(body, headers)
    told = json.loads(second[2])
    assert told["type"] == "workflow.task"
    assert told["data"] == {
        "id": f"flow_{run.id}",
        "workflow_name": "sell",
        "workflow_version": 1,
        "context": {"price": 7, "paid": 7},
    }
