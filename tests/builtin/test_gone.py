"""A receiver that answers 410 is not gone to again, over restarts of the worker and of the engine:
real processes and sockets.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from penstock import Client, RunFailed, workflow
from tests.builtin.test_end_to_end import SECRET, builtin
from tests.sdk.servers import running_server


class Receiver(BaseHTTPRequestHandler):
    """Answers with `status`, and counts."""

    status = 410
    came = 0

    def do_POST(self) -> None:
        type(self).came += 1
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@workflow
def gone_plain() -> None:
    builtin.send_webhook("note.told", {})


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    Receiver.status, Receiver.came = 410, 0
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def refused(client: Client, name: str) -> str:
    """A run that ends since its receiver is gone; what it says."""
    with pytest.raises(RunFailed) as failed:
        client.run(name).result(timeout=30)
    assert failed.value.code == "ENDPOINT_GONE"
    return failed.value.failure_message


def test_a_receiver_that_is_gone_stays_gone(tmp_path: Path, receiver: HTTPServer) -> None:
    """An application's, until it is put again; and an endpoint of the worker's file."""
    hooks = f"http://127.0.0.1:{receiver.server_port}/hooks"
    secrets = tmp_path / "secrets.toml"
    words = [f'[webhooks.{name}]\nsecrets = ["{SECRET}"]\n' for name in ("shop", "default")]
    secrets.write_text("".join(words) + f'url = "{hooks}?plain"\n')
    env = {
        "PENSTOCK_ALLOW": "127.0.0.1",
        "PENSTOCK_ALLOW_PORTS": str(receiver.server_port),
        "PENSTOCK_SECRETS": str(secrets),
    }
    data = tmp_path / "data"
    with running_server(data, env=env, builtin=True) as url, Client(url) as client:
        client.register(builtin.send_webhook, gone_plain)
        client.put_application("shop", hooks)
        name = client.put_workflow("shop", "sell")
        for each in (name, "gone_plain"):
            assert "answered" not in refused(client, each)
        assert Receiver.came == 2
        assert "run " in refused(client, name)
    with running_server(data, env=env, builtin=True) as url, Client(url) as client:
        Receiver.status = 204
        for each in (name, "gone_plain"):
            assert "To have it tried again" in refused(client, each)
        assert Receiver.came == 2
        gone = {
            one["address"]: one for one in httpx.get(url + "/v1/gone-addresses").json()["items"]
        }
        assert gone.keys() == {hooks, "default"}
        [shop] = httpx.get(url + "/v1/applications").json()["items"]
        assert shop["disabled"] == gone[hooks]
        assert shop["disabled"]["reason"]["name"] == "ENDPOINT_GONE"
        client.put_application("shop", hooks)
        assert client.run(name).result(timeout=30) == {}
        assert Receiver.came == 3
