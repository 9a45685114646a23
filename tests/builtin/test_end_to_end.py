"""The built-in worker as its own process, and beside `penstock dev`."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from penstock import Backoff, Client, Conflict, RunFailed, task, workflow
from penstock.builtin.http_request import Auth
from penstock.builtin.tasks import BuiltinTasks
from penstock.cli import main
from tests.sdk.servers import running_server

SECRET = "whsec_" + "c2VjcmV0" * 6

builtin = BuiltinTasks()


@workflow
def builtin_notify(url: str, note: str) -> str | None:
    builtin.log(note)
    builtin.http_request(url, method="PUT", body=note, auth=Auth(type="bearer", token="hidden!"))
    told = builtin.return_(note)
    builtin.send_webhook.with_(backoff=Backoff(base=0.05))("note.told", {}, url=url)
    return told.value


@workflow
def builtin_stop(reason: str) -> None:
    builtin.fail(reason, "NOT_TODAY")


@workflow
def builtin_inside() -> None:
    builtin.http_request("http://169.254.169.254/latest/meta-data/")


class Receiver(BaseHTTPRequestHandler):
    """Refuses the first webhook."""

    came: list[tuple[str, dict[str, str], bytes]]

    def do_PUT(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers["content-length"]))
        self.came.append((self.command, headers, body))
        first = [one for one in self.came if one[0] == "POST"][1:] == []
        self.send_response(503 if self.command == "POST" and first else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    Receiver.came = []
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def secrets(folder: Path) -> Path:
    path = folder / "secrets.toml"
    path.write_text(f'[webhooks.default]\nsecrets = ["{SECRET}"]')
    return path


def notified(client: Client, port: int) -> None:
    """A run through all the tasks, and what came of it."""
    client.register(builtin_notify, builtin_stop, builtin_inside)
    run = client.run(builtin_notify, url=f"http://127.0.0.1:{port}/", note="Zoë")
    assert run.result(timeout=30) == "Zoë"

    put, first, second = Receiver.came
    assert (put[0], put[2]) == ("PUT", "Zoë".encode())
    assert put[1]["authorization"] == "Bearer hidden!"
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    for _, headers, body in (first, second):
        assert Webhook(SECRET).verify(body, headers)["type"] == "note.told"
    runs = {one.task_def: one for one in run.task_runs()}
    assert runs["log"].attempts[0].logs == "INFO Zoë"
    assert "hidden!" not in str(runs["http-request"])
    webhook = runs["send-webhook"]
    assert [one.status for one in webhook.attempts] == ["TASK_FAILED", "TASK_SUCCESS"]
    assert webhook.guid == first[1]["webhook-id"]

    with pytest.raises(RunFailed) as failed:
        client.run(builtin_stop, reason="rain").result(timeout=30)
    assert (failed.value.code, failed.value.failure_message) == ("NOT_TODAY", "rain")
    with pytest.raises(RunFailed) as refused:
        client.run(builtin_inside).result(timeout=30)
    assert refused.value.code == "ADDRESS_REFUSED"


def test_dev_has_a_builtin_worker_beside_it(tmp_path: Path, receiver: HTTPServer) -> None:
    port = receiver.server_port
    env = {
        "PENSTOCK_ALLOW": "127.0.0.1",
        "PENSTOCK_ALLOW_PORTS": str(port),
        "PENSTOCK_SECRETS": str(secrets(tmp_path)),
    }
    with (
        running_server(tmp_path / "data", env=env, builtin=True) as url,
        Client(url) as client,
    ):
        notified(client, port)
    assert "does not run" not in (tmp_path / "data.log").read_text()
    assert "WARNING" not in (tmp_path / "data.log").read_text()


def test_a_builtin_worker_is_a_worker_of_its_own(tmp_path: Path, receiver: HTTPServer) -> None:
    port = receiver.server_port
    with running_server(tmp_path / "data") as url, Client(url) as client:
        command = [sys.executable, "-m", "penstock.cli", "builtin-worker", "--url", url]
        command += ["--allow", "127.0.0.1", "--allow-port", str(port)]
        command += ["--secrets", str(secrets(tmp_path))]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert worker.stdout is not None
            assert "penstock built-in worker" in worker.stdout.readline()
            notified(client, port)
            time.sleep(0.1)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(timeout=20) == 0
        finally:
            worker.kill()
            worker.wait()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--allow", "10.0.0.1/8"], "neither a host name nor"),
        (["--allow-port", "0"], "is no port"),
        (["--timeout-s", "31"], "may take up to 30 s"),
        (["--secrets", "/nonexistent"], "can not be read"),
    ],
)
def test_a_wrong_setting_is_told(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["builtin-worker", *words]) == 1
    assert said in capsys.readouterr().err


def test_a_wrong_address_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["builtin-worker", "--url", "ftp://x"])
    assert "use http://HOST:PORT or kafka://" in capsys.readouterr().err


def test_a_name_that_is_taken_by_another_task_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @task(name="log")
    def other(x: int) -> None: ...

    with running_server(tmp_path / "data") as url, Client(url) as client:
        client.register(other)
        with pytest.raises(Conflict):
            client.register(builtin.log)
        assert main(["builtin-worker", "--url", url]) == 1
    assert "TaskDef 'log' exists and differs" in capsys.readouterr().err
