"""A program of a user's, who has his checker be strict, and models of pydantic's: tasks that put
checkpoints aside, people, threads, handlers, updates; a worker, clients and a test.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum

from pydantic import BaseModel, Field

import penstock as ps
from penstock.testing import Engine


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Line(BaseModel):
    item: str
    count: int = Field(gt=0)
    size: Size = Size.SMALL


class Order(BaseModel):
    customer: str
    lines: list[Line]
    note: str | None = None


class Bill(BaseModel):
    total: Decimal
    due: datetime


class Packed(BaseModel):
    boxes: list[str] = []


@ps.task(max_attempts=3, timeout=timedelta(minutes=1), heartbeat=10)
def pack(ctx: ps.TaskContext, order: Order) -> Packed:
    packed = ctx.last_checkpoint(Packed) or Packed()
    for line in order.lines[len(packed.boxes) :]:
        if ctx.cancelled:
            raise RuntimeError(f"{ctx.stop} was asked for")
        packed.boxes.append(f"{line.count} {line.item}")
        ctx.checkpoint(packed)
        ctx.counter("lines", tags={"size": line.size.value})
    ctx.log(f"{ctx.idempotency_key}: {len(packed.boxes)} boxes")
    return packed


@ps.task(max_attempts=4, backoff=ps.Backoff(base=2.0, jitter=0.5))
async def send(ctx: ps.TaskContext, packed: Packed, customer: str) -> list[str]:
    sent: list[str] = ctx.last_checkpoint() or []
    for box in packed.boxes[len(sent) :]:
        await asyncio.sleep(0)
        sent.append(box)
        await ctx.checkpoint(sent)
    if not sent:
        raise ps.RetryLater("nothing is packed yet", after_s=60)
    return sent


@ps.task
def bill(order: Order, price: float = 9.5) -> Bill:
    if not order.lines:
        raise ps.TaskError("empty", "an order has lines", order)
    total = Decimal(str(price)) * sum(line.count for line in order.lines)
    return Bill(total=total, due=datetime(2026, 2, 1, tzinfo=UTC))


approve = ps.Form("approve-order", agreed=bool, note=str | None)


@ps.workflow(searchable=["customer"], keep=timedelta(days=30))
def note(customer: str, what: str) -> str:
    return ps.text("{0}: {1}", customer, what)


@ps.workflow
async def ordering(order: Order, address: str = "home") -> list[str]:
    def move(asked: ps.Update) -> None:
        ps.assign(address, asked["content"])
        ps.answer(asked, "moved")

    def apologize(content: Order) -> None:
        note(content.customer, "nothing to do")

    def remind(after: float) -> None:
        ps.sleep(after)
        ps.throw_event("reminded", address)

    ps.on_event("move", move)
    reminder = ps.spawn(remind, 3600.0)
    billed = bill(order)
    ps.on_failure(billed, apologize, of="empty")
    with ps.for_each(order.lines, concurrency=2) as line:
        what = note(order.customer, line.item)
        with ps.if_((line.count > 100) & (line.size == Size.LARGE)):
            ps.throw_event("large", what)
    answer = ps.user_task(approve, user=order.customer)
    with ps.if_(~answer["agreed"]):
        ps.fail("refused", content=answer["note"])
    paid = ps.wait_for_event("paid", type=Bill, timeout=timedelta(days=7))
    with ps.if_(paid.due > ps.now()):
        ps.throw_event("early")
    ps.wait_for(reminder)
    return await send(pack(order), order.customer)


ORDER = Order(customer="ada", lines=[Line(item="book", count=2), Line(item="pen", count=1)])


def test_an_order() -> list[str]:
    with Engine(ordering) as engine:
        engine.fake(bill, Bill(total=Decimal(28), due=engine.now))
        run = engine.run(ordering, order=ORDER)
        [form] = run.user_tasks()
        engine.client.user_tasks.complete(form.id, "ada", {"agreed": True})
        assert run.update("move", "away") == "moved"
        run.put_event("paid", Bill(total=Decimal(28), due=engine.now))
        return run.result(timeout=timedelta(hours=2))


async def buy(url: str, order: Order) -> list[str]:
    async with ps.AsyncClient(url) as client:
        run = await client.run(ordering, order=order, labels={"shop": "a"})
        async for line in run.follow_story():
            print(line)
        return await run.result()


def main() -> None:
    ps.Worker(ordering, url="kafka://127.0.0.1:9092", slots=20).run(grace_s=10)
