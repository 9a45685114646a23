"""An agent: a model says which tool to call, the workflow calls it, until the model has an answer.

python examples/agent.py

The model is a fake, so there is no network. The loop is the workflow's: each thought and each call
of a tool is a task, retried by itself and seen in the run's story, and what is done is not done
again after a crash. The number of turns is bounded, and a tool that changes something waits for a
person.
"""

import time
from dataclasses import dataclass
from typing import Any

from local import engine

from penstock import (
    Backoff,
    Client,
    Form,
    TaskContext,
    Worker,
    assign,
    elif_,
    else_,
    fail,
    if_,
    return_,
    task,
    text,
    user_task,
    variable,
    while_,
    workflow,
)

TURNS_MAX = 8
STOCK = {"bicycle": 1, "bell": 12}
leave = Form("agent-may-order", allowed=bool)


@dataclass
class Thought:
    """What the model wants: a tool with an argument, or `answer`."""

    tool: str
    argument: str


@task(max_attempts=3, backoff=Backoff(base=0.1))
def think(ctx: TaskContext, goal: str, seen: list[str]) -> Thought:
    """The model. A real one is asked here, with the same conversation."""
    if len(seen) == 1 and ctx.attempt == 1:
        raise TimeoutError("the model is overloaded")
    plan = [Thought("stock", "bicycle"), Thought("price", "bicycle"), Thought("order", "bicycle")]
    if len(seen) < len(plan):
        return plan[len(seen)]
    return Thought("answer", f"done: {'; '.join(seen)}")


@task
def stock(argument: str) -> str:
    return f"{STOCK[argument]} {argument} left"


@task
def price(argument: str) -> str:
    return f"a {argument} is {len(argument) * 100} cents"


@task
def place_order(ctx: TaskContext, argument: str) -> str:
    ctx.log(f"key {ctx.idempotency_key}: the supplier takes it once")
    return f"a {argument} is ordered"


@task
def remember(seen: list[str], said: str) -> list[str]:
    return [*seen, said]


@workflow
def agent(goal: str) -> str | None:
    seen = variable("seen", list[str], [])
    said = variable("said", str, "")
    turns = variable("turns", int, 0)
    with while_(turns < TURNS_MAX):
        assign(turns, turns + 1)
        thought = think(goal, seen)
        with if_(thought.tool == "answer"):
            return_(thought.argument)
        with elif_(thought.tool == "stock"):
            assign(said, stock(thought.argument))
        with elif_(thought.tool == "price"):
            assign(said, price(thought.argument))
        with elif_(thought.tool == "order"):
            asked = user_task(leave, group="buyers", notes=text("order a {0}?", thought.argument))
            with if_(asked["allowed"]):
                assign(said, place_order(thought.argument))
            with else_():
                assign(said, "nobody allows it")
        with else_():
            assign(said, text("there is no tool {0}", thought.tool))
        assign(seen, remember(seen, said))
    fail("no-answer", "the model has no answer", turns)


def main() -> None:
    with engine() as url, Client(url) as client, Worker(agent, url=url):
        client.register(agent)
        run = client.run(agent, goal="have a bicycle in stock for Ada")
        allow(client)
        print(run.result(timeout=60))
        done = sorted(run.task_runs(), key=lambda one: one.position or 0)
        print(", ".join(f"{one.task_def} {len(one.attempts)}" for one in done))


def allow(client: Client) -> None:
    """The person who is asked."""
    forms: list[Any] = []
    while not forms:
        time.sleep(0.05)
        forms = list(client.user_tasks.find(user_group="buyers", status="UNASSIGNED"))
    print(f"a buyer is asked: {forms[0].notes}")
    client.user_tasks.claim(forms[0].id, "grace")
    client.user_tasks.complete(forms[0].id, "grace", {"allowed": True})


if __name__ == "__main__":
    main()
