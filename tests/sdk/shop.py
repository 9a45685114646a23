"""A program of a user's, who has his checker be strict: tasks of every kind, and what workflows are
made of.
"""

import asyncio
from dataclasses import dataclass

import msgspec

import penstock as ps


@dataclass
class Order:
    item: str
    count: int


class Box(msgspec.Struct):
    label: str
    weight: float


@ps.task(max_attempts=3, timeout=30)
def pack(ctx: ps.TaskContext, order: Order) -> Box:
    ctx.log("packing")
    ctx.heartbeat()
    return Box(order.item, 1.5)


@ps.task
async def ship(box: Box, to: str) -> str:
    await asyncio.sleep(0)
    return f"{box.label} to {to}"


@ps.task(max_attempts=2)
async def track(ctx: ps.TaskContext, parcel: str) -> dict[str, int]:
    return {parcel: ctx.attempt}


@ps.task
def say(text: str) -> None:
    print(text)


@ps.workflow(searchable=["to"])
async def shop(order: Order, to: str, items: list[str]) -> dict[str, int]:
    box = pack(order)
    with ps.if_(order.count > 3):
        say("many")
    with ps.elif_(order.item == "book"):
        say("book")
    with ps.else_():
        say("few")
    with ps.for_each(items) as item:
        say(item)
    tries = ps.variable("tries", int, 0)
    with ps.while_(tries < 3):
        ps.assign(tries, tries + 1)
    paid = ps.wait_for_event("paid", type=str)
    say(paid)
    return await track(await ship(box, to))


def main() -> None:
    with ps.Client() as client, ps.Worker(shop, url=client.url):
        client.register(shop)
        run = client.run(shop, order=Order("book", 1), to="ada", items=["a", "b"])
        run.put_event("paid", "in gold")
        for parcel, attempt in run.result(timeout=30).items():
            print(parcel, attempt)
