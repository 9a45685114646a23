"""A document goes round until both readers agree, or its author gives up.

python examples/document_approval.py

Two people read at the same time, in threads of their own. Somebody who does not agree sends it
back; the author's next text comes as an event. The people are played by the example itself.
"""

import time
from datetime import timedelta

from local import engine

from penstock import (
    Client,
    Form,
    Worker,
    assign,
    if_,
    spawn,
    task,
    text,
    user_task,
    variable,
    wait_for,
    wait_for_event,
    while_,
    workflow,
)
from penstock import RunHandle as Run

verdict = Form("document-verdict", agrees=bool, remark=str | None)


@task
def publish(title: str, body: str, rounds: int) -> str:
    return f"{title!r} is published after {rounds} rounds: {body}"


@workflow(searchable=["title"])
def approval(title: str, body: str) -> str:
    rounds = variable("rounds", int, 0)
    against = variable("against", int, 1)

    def read(reader: str) -> None:
        answer = user_task(verdict, user=reader, notes=text("{0}: {1}", title, body))
        with if_(answer["agrees"] == False):  # noqa: E712 - a condition of the run
            assign(against, against + 1)

    with while_(against > 0):
        assign(rounds, rounds + 1)
        assign(against, 0)
        legal, press = spawn(read, "legal"), spawn(read, "press")
        wait_for(legal, press)
        with if_(against > 0):
            assign(body, wait_for_event("new-text", type=str, timeout=timedelta(days=30)))
    return publish(title, body, rounds)


def says(client: Client, run: Run[str], reader: str, agrees: bool, remark: str = "") -> None:
    """A reader fills in the form that waits for him."""
    while True:
        found = client.user_tasks.find(user_id=reader, status="ASSIGNED")
        forms = [form for form in found if form.id.startswith(run.id)]
        if forms:
            break
        time.sleep(0.05)
    print(f"  {reader} reads {forms[0].notes!r} and {'agrees' if agrees else f'says: {remark}'}")
    client.user_tasks.complete(forms[0].id, reader, {"agrees": agrees, "remark": remark})


def main() -> None:
    with engine() as url, Client(url) as client, Worker(approval, url=url):
        client.register(approval)
        run = client.run(approval, title="News", body="We are the best")
        says(client, run, "legal", agrees=False, remark="prove it")
        says(client, run, "press", agrees=True)
        run.put_event("new-text", "We are good")
        says(client, run, "press", agrees=True)
        says(client, run, "legal", agrees=True)
        print(run.result(timeout=30))


if __name__ == "__main__":
    main()
