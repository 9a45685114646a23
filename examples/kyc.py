"""Know your customer: a machine looks first, a person decides what it can not.

python examples/kyc.py

The customer's papers are masked: workers see them, nobody else does. A high score waits for
somebody of the group `compliance`, played here by the example itself.
"""

import time

from local import engine

from penstock import (
    Client,
    Form,
    RunFailed,
    Worker,
    else_,
    fail,
    if_,
    return_,
    task,
    text,
    user_task,
    workflow,
)

review = Form("kyc-review", accepted=bool, reason=str | None)


@task
def score(name: str, papers: str) -> int:
    """What another company's service would say."""
    return 90 if "smudged" in papers else 10


@task
def open_account(name: str) -> str:
    return f"account of {name}"


@workflow(searchable=["name"], masked=["papers"])
def kyc(name: str, papers: str) -> str:
    risk = score(name, papers)
    with if_(risk < 50):
        return_(open_account(name))
    with else_():
        decision = user_task(
            review, group="compliance", notes=text("{0} has a risk of {1}", name, risk)
        )
        with if_(decision["accepted"] == False):  # noqa: E712 - a condition of the run
            fail("customer-refused", "compliance said no", decision["reason"])
    return open_account(name)


def decide(client: Client, user: str, name: str, accepted: bool, reason: str) -> None:
    """A person takes the form of a customer, and fills it in."""
    while True:
        open_forms = client.user_tasks.find(user_group="compliance", status="UNASSIGNED")
        mine = [form for form in open_forms if name in (form.notes or "")]
        if mine:
            break
        time.sleep(0.05)  # the score is not there yet
    print(f"  {user} reads: {mine[0].notes}")
    client.user_tasks.claim(mine[0].id, user)
    client.user_tasks.complete(mine[0].id, user, {"accepted": accepted, "reason": reason})


def main() -> None:
    with engine() as url, Client(url) as client, Worker(kyc, url=url):
        client.register(kyc)
        ada = client.run(kyc, name="Ada", papers="passport 1")
        print(f"Ada: {ada.result(timeout=30)}")

        bob = client.run(kyc, name="Bob", papers="passport 2, smudged")
        decide(client, "carol", "Bob", accepted=True, reason="it was coffee")
        print(f"Bob: {bob.result(timeout=30)}")

        eve = client.run(kyc, name="Eve", papers="passport 3, smudged")
        decide(client, "carol", "Eve", accepted=False, reason="painted by hand")
        try:
            eve.result(timeout=30)
        except RunFailed as failed:
            print(f"Eve: {failed.code}, {failed.content}")


if __name__ == "__main__":
    main()
