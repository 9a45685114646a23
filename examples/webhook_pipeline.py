"""A webhook starts a run, and the run sends a signed one when it is done.

python examples/webhook_pipeline.py

The shop posts an order to an address that holds a key; a sender that is not sure posts it again,
and there is one run all the same. What the run sends is signed as Standard Webhooks has it. The
receiver is a small server in this file: it is away at first, and looks at the signature.
"""

import base64
import hashlib
import hmac
import json
import secrets
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
from local import engine

from penstock import Backoff, Client, Worker, task, workflow
from penstock.builtin.tasks import BuiltinTasks

KEY = secrets.token_hex(20)
SECRET = base64.b64encode(secrets.token_bytes(32)).decode()
came = threading.Event()
send_webhook = BuiltinTasks().send_webhook.with_(max_attempts=5, backoff=Backoff(base=0.2))


class Receiver(BaseHTTPRequestHandler):
    """Whoever wants to hear of parcels."""

    tries = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        Receiver.tries += 1
        if Receiver.tries == 1:
            return self.answer(503)
        signed = (
            f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        )
        expected = hmac.new(base64.b64decode(SECRET), signed, hashlib.sha256).digest()
        given = self.headers["webhook-signature"].removeprefix("v1,")
        if not hmac.compare_digest(base64.b64decode(given), expected):
            return self.answer(401)
        told = json.loads(body)
        print(f"received, at try {Receiver.tries}: {told['type']} {told['data']}")
        self.answer(204)
        came.set()
        return None

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """It has nothing to say."""


@task
def pack(item: str, count: int) -> dict[str, Any]:
    return {"parcel": f"{count} x {item}"}


@workflow
def pipeline(item: str, count: int) -> None:
    parcel = pack(item, count)
    _ = send_webhook("parcel.packed", parcel)


def main() -> None:
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    port = receiver.server_port
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "secrets.toml")
        file.write_text(
            f'[webhooks.default]\nurl = "http://127.0.0.1:{port}/x"\nsecrets = ["whsec_{SECRET}"]\n'
        )
        environment = {
            "PENSTOCK_SECRETS": str(file),
            "PENSTOCK_ALLOW": "127.0.0.1",  # the built-in worker goes to the internet only, else
            "PENSTOCK_ALLOW_PORTS": str(port),
        }
        with engine(environment) as url, Client(url) as client, Worker(pack, url=url):
            client.register(pipeline)
            post_orders(url)
            assert came.wait(60), "no webhook came"
    receiver.shutdown()


def post_orders(url: str) -> None:
    """What the shop does: it posts the same order twice."""
    hook = {
        "name": "orders",
        "wf_spec": "pipeline",
        "key": KEY,
        "inputs": {"item": "{{ trigger.body.item }}", "count": "{{ trigger.body.count }}"},
    }
    httpx.put(f"{url}/v1/webhooks", json=hook).raise_for_status()
    for _ in range(2):
        answer = httpx.post(
            f"{url}/v1/webhooks/orders/{KEY}",
            json={"item": "book", "count": 2},
            headers={"webhook-id": "order-4711"},
        )
        told = answer.raise_for_status().json()
        print(f"{answer.status_code}: repeated {str(told['repeated']).lower()}")


if __name__ == "__main__":
    main()
