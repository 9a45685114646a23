"""A saga: what was done is undone, in the reverse order, when a later step fails for good.

python examples/order_saga.py

Each step that has an effect has one that takes it back. A step's handler undoes what was done
before it, in tasks that are tried again as any, so the money goes back even if the bank is away.
"""

from local import engine

from penstock import (
    Backoff,
    Client,
    RunFailed,
    TaskContext,
    TaskError,
    Worker,
    assign,
    fail,
    on_failure,
    task,
    text,
    variable,
    workflow,
)


@task
def reserve(item: str) -> str:
    return f"B7-{item}"


@task
def release(place: str) -> None:
    print(f"    released {place}")


@task
def charge(card: str, cents: int) -> str:
    if card == "0000":
        raise TaskError("card-declined", "the bank says no")
    return f"receipt-{cents}"


@task(max_attempts=5, backoff=Backoff(base=0.1))
def refund(ctx: TaskContext, receipt: str) -> None:
    if ctx.attempt == 1:
        raise ConnectionError("the bank is away")
    print(f"    refunded {receipt}, at attempt {ctx.attempt}")


@task
def ship(item: str, place: str) -> str:
    if item == "piano":
        raise TaskError("too-heavy", "no carrier takes a piano")
    return f"parcel with a {item} from {place}"


@workflow
def saga(item: str, card: str) -> str:
    place = variable("place", str, "")
    receipt = variable("receipt", str, "")

    def give_back_place() -> None:
        release(place)
        fail("order-refused", content=text("no {0}: the card was declined", item))

    def give_back_all() -> None:
        refund(receipt)
        release(place)
        fail("order-refused", content=text("no {0}: it can not be shipped", item))

    assign(place, reserve(item))
    charged = charge(card, 4_200)
    on_failure(charged, give_back_place)
    assign(receipt, charged)
    parcel = ship(item, place)
    on_failure(parcel, give_back_all)
    return parcel


def main() -> None:
    with engine() as url, Client(url) as client, Worker(saga, url=url):
        client.register(saga)
        for item, card in (("bicycle", "4242"), ("bicycle", "0000"), ("piano", "4242")):
            print(f"a {item}, with card {card}")
            try:
                print(f"    {client.run(saga, item=item, card=card).result(timeout=30)}")
            except RunFailed as failed:
                print(f"    {failed.code}: {failed.content}")


if __name__ == "__main__":
    main()
