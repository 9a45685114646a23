"""A `penstock dev` with something of everything to look at, for the tests of the dashboard.

`python -m tests.ui.world FOLDER [--auth KEY]` starts it, registers and runs, writes the address to
FOLDER/world.json, and works until its input is closed.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from penstock import (
    Backoff,
    Client,
    Form,
    TaskContext,
    TaskError,
    Worker,
    assign,
    else_,
    for_each,
    if_,
    on_event,
    on_failure,
    sleep,
    task,
    user_task,
    variable,
    wait_for_event,
    wait_until,
    workflow,
)
from penstock.config import PARTITIONS_DEFAULT
from penstock.core.commands.run_wf import RunWf
from tests.operations.burying import bury

HOSTILE = '<img src=x onerror="document.title=1"><script>alert(1)</script>'
START_S = 60
LONG = timedelta(hours=6)

approve = Form("approve", agreed=bool, amount=int | None, note=str | None)


@task
def reserve_stock(ctx: TaskContext, item: str, count: int) -> dict:
    ctx.log(f"looking for {count} of {item}")
    return {"item": item, "count": count, "shelf": "B7", "said": HOSTILE}


@task(max_attempts=3, backoff=Backoff(base=0.3))
def charge_card(ctx: TaskContext, card: str, cents: int) -> str:
    ctx.log(f"attempt {ctx.attempt}: charging {cents} cents")
    if ctx.attempt == 1:
        raise ConnectionError("the bank does not answer")
    return f"receipt-{cents}"


@task
def ship(shelf: str, receipt: str) -> str:
    return f"parcel from {shelf}, paid with {receipt}"


@task
def pack(ctx: TaskContext, item: str) -> str:
    ctx.log(f"packing {item}")
    time.sleep(0.15)
    return f"packed {item}"


@task
def explode(why: str) -> str:
    raise TaskError("out-of-paper", f"{why} {HOSTILE}", {"printer": HOSTILE})


@task
def fall_over(message: str) -> str:
    raise RuntimeError(message)


@task(max_attempts=5, backoff=Backoff(base=3600))
def flaky() -> str:
    raise RuntimeError("try again later")


@task(timeout=LONG, heartbeat=60)
def long_haul(ctx: TaskContext) -> str:
    for step in range(3600):
        if ctx.cancelled:
            return "cancelled"
        if step < 5:
            ctx.log(f"mile {step}")
        ctx.wait(1.0)
    return "arrived"


@task
def nobody_does_this(what: str) -> str:
    return what


@task
def apologize() -> str:
    return "sorry"


@workflow(searchable=["item"], masked=["card"])
def order(item: str, card: str, count: int = 1) -> str:
    reserved = reserve_stock(item, count)
    receipt = charge_card(card, 4_200)
    return ship(reserved["shelf"], receipt)


@workflow
def purchase(item: str, cents: int, urgent: bool = False) -> str:
    state = variable("state", str, "new")
    parcel = variable("parcel", str, "")
    answer = user_task(approve, group="buyers", notes=f"Please look at this. {HOSTILE}")
    with if_(answer["agreed"]):
        assign(state, "approved")
        assign(parcel, ship("A1", item))
    with else_():
        assign(state, apologize())
    return parcel


@workflow
def packing(items: list[str]) -> None:
    with for_each(items, concurrency=3) as item:
        pack(item)


def after_trouble() -> None:
    apologize()


@workflow
def printing(why: str) -> None:
    printed = explode(why)
    on_failure(printed, after_trouble, of="out-of-paper")


@workflow
def broken(message: str) -> None:
    fall_over(message)


def on_cancelled() -> None:
    apologize()


@workflow
def waiting(key: str) -> None:
    on_event("cancelled", on_cancelled)
    wait_for_event("paid", type=str, timeout=LONG)
    sleep(LONG)


@workflow
def until_ready() -> None:
    ready = variable("ready", bool, False)
    wait_until(ready == True)  # noqa: E712  (it is traced)


@workflow
def queued() -> None:
    nobody_does_this("wait")


@workflow
def retrying() -> None:
    flaky()


@workflow
def hauling() -> None:
    long_haul()


@workflow
def parent_of(item: str) -> str:
    return order(item=item, card="4242")


FLOWS = (
    order,
    purchase,
    packing,
    printing,
    broken,
    waiting,
    until_ready,
    queued,
    retrying,
    hauling,
    parent_of,
)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--auth", default="")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the engine is ended too
    data = asked.folder / "data"
    command = [sys.executable, "-m", "penstock.cli", "dev", "--port", "0", "--data", str(data)]
    bury(data, RunWf(wf_spec="until_ready", wf_run_id="lost"), PARTITIONS_DEFAULT)
    if asked.auth:
        (asked.folder / "admin.key").write_text(asked.auth)
        command += ["--auth", "on", "--admin-key-file", str(asked.folder / "admin.key")]
    with (asked.folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = started(server, data)
        with Client(url, api_key=asked.auth or None) as client:
            known = {} if asked.auth else fill(client)
            makers = () if asked.auth else [one for one in FLOWS if one is not queued]
            workers = [Worker(*makers, url=url, slots=6, name="world-worker")] if makers else []
            for worker in workers:
                worker.__enter__()
            try:
                (asked.folder / "world.json").write_text(json.dumps({"url": url, **known}))
                sys.stdin.read()
            finally:
                for worker in workers:
                    worker.__exit__(None, None, None)
    finally:
        server.terminate()
        server.wait()
    return 0


def started(server: subprocess.Popen, data: Path) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return json.loads((data / "server.json").read_text())["url"]
        except (OSError, ValueError):
            time.sleep(0.05)
    raise RuntimeError("the engine did not start")


def fill(client: Client) -> dict[str, str]:
    """Something of everything."""
    client.register(*FLOWS)
    runs = {
        "order": client.run(order, item="bicycle", card="4242", count=2),
        "purchase": client.run(purchase, item="chair", cents=900),
        "packing": client.run(packing, items=[f"box {number}" for number in range(12)]),
        "printing": client.run(printing, why="no paper"),
        "broken": client.run(broken, message=HOSTILE),
        "waiting": client.run(waiting, key="k1"),
        "until_ready": client.run(until_ready),
        "queued": client.run(queued),
        "retrying": client.run(retrying),
        "hauling": client.run(hauling),
        "parent": client.run(parent_of, item="lamp"),
    }
    runs["order"].set_labels({"team": "sales", "hostile": HOSTILE})
    client.schedules.make(until_ready, cron="*/5 * * * *", schedule_id="each-five")
    return {name: run.id for name, run in runs.items()}


if __name__ == "__main__":
    sys.exit(main())
