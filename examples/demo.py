"""An order, from start to end: reserve the stock, charge the card (which fails once), ship.

`make demo` runs this. It starts the engine on the embedded log, on a free port and in a temporary
directory, and takes both away again.
"""

import sys
from typing import Any

from local import engine

from penstock import Backoff, Client, PenstockError, TaskContext, Worker, task, workflow

RUN_S = 30


@task
def reserve_stock(item: str, count: int) -> dict[str, Any]:
    return {"item": item, "count": count, "shelf": "B7"}


@task(max_attempts=3, backoff=Backoff(base=0.5))
def charge_card(ctx: TaskContext, card: str, cents: int) -> str:
    ctx.log(f"attempt {ctx.attempt}, idempotency key {ctx.idempotency_key}")
    if ctx.attempt == 1:
        raise ConnectionError("the bank does not answer")
    return f"receipt-{cents}"


@task
def ship(shelf: str, receipt: str) -> str:
    return f"parcel from {shelf}, paid with {receipt}"


@workflow
def order(item: str, card: str, count: int = 1) -> str:
    reserved = reserve_stock(item, count)
    receipt = charge_card(card, 4_200)
    return ship(reserved["shelf"], receipt)


def main() -> int:
    try:
        with engine() as url:
            print(f"the engine runs at {url}, on the embedded log", flush=True)
            wf_run_id = run_order(url)
    except (PenstockError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(f"{wf_run_id} COMPLETED", flush=True)
    return 0


def run_order(url: str) -> str:
    """Register, work, start a run, and tell its story as it happens."""
    with Client(url) as client:
        client.register(order)
        with Worker(order, url=url, slots=3, name="demo-worker"):
            return tell_run(client)


def tell_run(client: Client) -> str:
    run = client.run(order, item="bicycle", card="4242", count=1)
    print(f"run {run.id} of workflow {order.name!r}:", flush=True)
    for line in run.follow_story(timeout=RUN_S):
        print(f"  {line}", flush=True)
    print(f"its result: {run.result(timeout=RUN_S)}", flush=True)
    return run.id


if __name__ == "__main__":
    sys.exit(main())
