"""Every step that a workflow may take, written in Python and run by the engine."""

from datetime import timedelta
from typing import Any

import pytest

from penstock import (
    Form,
    ResultTimeout,
    RunFailed,
    TaskError,
    Unanswered,
    Update,
    answer,
    assign,
    contains,
    elif_,
    else_,
    fail,
    for_each,
    if_,
    now,
    on_event,
    on_failure,
    return_,
    size,
    sleep,
    sleep_until,
    spawn,
    start,
    task,
    text,
    throw_event,
    user_task,
    variable,
    wait_for,
    wait_for_event,
    wait_for_run,
    wait_until,
    while_,
    workflow,
)
from penstock.testing import Engine


@task
def say(what: str) -> str:
    return what


@task
def number(of: int) -> int:
    return of


@task
def names() -> list[str]:
    return ["ada", "bob", "eve"]


def said(engine: Engine) -> list[str]:
    return [inputs["what"] for inputs in engine.inputs(say)]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "none"), (1, "one"), (2, "few"), (3, "few"), (9, "many: 9")]
)
def test_branches(penstock: Engine, count: int, expected: str) -> None:
    @workflow
    def branches(count: int) -> str:
        with if_(count == 0):
            return_("none")
        with elif_(count == 1):
            result = variable("result", str)
            assign(result, "one")
        with elif_((count > 1) & (count < 4)):
            assign(result, "few")
        with else_():
            say("many")
            assign(result, text("many: {0}", count))
        return result

    penstock.register(branches)
    assert penstock.run(branches, count=count).result() == expected


def test_a_branch_without_a_step_and_none_that_holds(penstock: Engine) -> None:
    @workflow
    def empty(go: bool) -> str:
        with if_(go):
            pass
        with elif_(~go):
            say("other way")
        return say("end")

    penstock.register(empty)
    assert penstock.run(empty, go=True).result() == "end"
    assert penstock.run(empty, go=False).result() == "end"
    assert said(penstock) == ["end", "other way", "end"]


def test_a_loop_counts(penstock: Engine) -> None:
    @workflow
    def loop(until: int) -> int:
        count = variable("count", int, 0)
        total = variable("total", int, 0)
        with while_(count < until):
            assign(total, total + number(count * 2))
            assign(count, count + 1)
        return total

    penstock.register(loop)
    assert penstock.run(loop, until=4).result() == 12
    assert penstock.run(loop, until=0).result() == 0


def test_arithmetic_is_pythons(penstock: Engine) -> None:
    @workflow
    def sums(a: int, b: float) -> float:
        return (a + 1) / 2 + b * 3 - 1

    penstock.register(sums)
    assert penstock.run(sums, a=2, b=0.5).result() == 3 / 2 + 1.5 - 1


def test_a_thread_for_each_item(penstock: Engine) -> None:
    @workflow
    def each() -> None:
        who = names()
        greeting = variable("greeting", str, "hello")
        with for_each(who, concurrency=2) as name:
            with if_(name == "bob"):
                return_()
            say(text("{0} {1}", greeting, name))

    penstock.register(each)
    run = penstock.run(each)
    assert run.status() == "COMPLETED"
    assert said(penstock) == ["hello ada", "hello eve"]


def test_threads_beside_this_one(penstock: Engine) -> None:
    @workflow
    def beside(base: int) -> int:
        total = variable("total", int, 0)

        def add(more: int) -> None:
            got = number(more)
            assign(total, total + got + base)

        first, second = spawn(add, 1), spawn(add, more=2)
        wait_for(first, second)
        return total

    penstock.register(beside)
    assert penstock.run(beside, base=10).result() == 23


def test_the_first_of_two_threads(penstock: Engine) -> None:
    @workflow
    def race() -> str:
        def slow() -> None:
            sleep(timedelta(hours=1))

        def fast() -> None:
            say("fast")

        wait_for(spawn(slow), spawn(fast), until="first")
        return "won"

    penstock.register(race)
    assert penstock.run(race).result() == "won"


def test_sleeps(penstock: Engine) -> None:
    @workflow
    def sleeper(seconds: int) -> str:
        sleep(60)
        sleep(seconds)
        sleep_until(now())
        return "awake"

    penstock.register(sleeper)
    run = penstock.run(sleeper, seconds=30)
    penstock.skip(89)
    assert run.status() == "RUNNING"
    penstock.skip(1)
    assert run.result() == "awake"


def test_a_failure_is_handled_and_the_thread_goes_on(penstock: Engine) -> None:
    @workflow
    def careful(what: str) -> str:
        why = variable("why", str, "")

        def sorry(content: str) -> None:
            assign(why, content)
            say("sorry")

        on_failure(say(what), sorry, of="sad")
        return why

    penstock.register(careful)
    penstock.fake(say, TaskError("sad", "oh", content="because"), "sorry", "well")
    assert penstock.run(careful, what="x").result() == "because"
    assert penstock.run(careful, what="y").result() == ""


def test_an_event_interrupts(penstock: Engine) -> None:
    @workflow
    def interrupted() -> str:
        note = variable("note", str, "")

        def changed(content: str) -> None:
            assign(note, content)

        on_event("change", changed)
        wait_for_event("go")
        return note

    penstock.register(interrupted)
    run = penstock.run(interrupted)
    run.put_event("change", "blue")
    assert run.status() == "RUNNING"
    run.put_event("go")
    assert run.result() == "blue"


def test_a_condition_that_another_thread_brings_about(penstock: Engine) -> None:
    @workflow
    def waits() -> str:
        ready = variable("ready", bool, False)

        def prepare() -> None:
            wait_for_event("prepared")
            assign(ready, True)

        spawn(prepare)
        wait_until(ready)
        return "ready"

    penstock.register(waits)
    run = penstock.run(waits)
    run.put_event("prepared")
    assert run.result() == "ready"


def test_a_workflow_calls_others(penstock: Engine) -> None:
    @workflow
    def below(name: str, loud: bool = False) -> str:
        return say(name)

    @workflow
    def above(name: str) -> str:
        first = below(name, loud=True)
        run = start(below, text("{0}!", first))
        return wait_for_run(run)

    penstock.register(above)
    assert penstock.run(above, name="ada").result() == "ada!"


def test_a_person_fills_in_a_form(penstock: Engine) -> None:
    approve = Form("approve", agreed=bool, note=str | None)

    @workflow
    def asks(boss: str) -> bool:
        answer = user_task(approve, user=boss, notes=text("for {0}", boss))
        with if_(answer["agreed"] == False):  # noqa: E712
            fail("refused", "the boss said no", answer["note"])
        throw_event("approved", answer["note"])
        return answer["agreed"]

    penstock.register(asks)

    def complete(results: dict[str, Any]) -> Any:
        run = penstock.run(asks, boss="ada")
        [found] = run.user_tasks()
        penstock.client.user_tasks.complete(found.id, "ada", results)
        return run

    assert complete({"agreed": True}).result() is True
    with pytest.raises(RunFailed, match="the boss said no"):
        complete({"agreed": False, "note": "no"}).result()


def test_values_of_collections(penstock: Engine) -> None:
    @workflow
    def looks(wanted: str) -> int:
        who = names()
        with if_(contains(who, wanted)):
            return_(size(who))
        return 0

    penstock.register(looks)
    assert penstock.run(looks, wanted="bob").result() == 3
    assert penstock.run(looks, wanted="zoe").result() == 0


def test_what_is_kept_shown_and_found(penstock: Engine) -> None:
    @workflow(searchable=["customer"], masked=["card"], keep=timedelta(days=30))
    def sale(customer: str, card: str) -> str:
        return say(customer)

    spec = sale.spec
    assert [one.searchable for one in spec.threads["entrypoint"].variables] == [True, False]
    assert spec.retention is not None
    assert spec.retention.after_termination_s == 30 * 86_400
    penstock.register(sale)
    run = penstock.run(sale, customer="ada", card="4242")
    assert run.result() == "ada"
    assert run.variables() == {"customer": "ada", "card": "*****"}


def test_an_update_is_checked_acted_on_and_answered(penstock: Engine) -> None:
    @workflow
    def parcel(address: str) -> str:
        def move(asked: Update) -> None:
            with if_(size(asked["content"]) > 10):
                answer(asked, {"moved": False, "why": "too long"})
            with else_():
                assign(address, asked["content"])
                answer(asked, say(address))

        on_event("move", move)
        last = wait_for_event("sent", type=Update)
        answer(last)
        return address

    penstock.register(parcel)
    run = penstock.run(parcel, address="here")
    assert run.update("move", "nowhere at all") == {"moved": False, "why": "too long"}
    assert run.update("move", "there") == "there"
    assert run.update("move", "home", guid="home1") == "home"
    assert run.update("move", "home", guid="home1") == "home"  # the first answer again
    assert said(penstock) == ["there", "home"]
    run.stop()
    with pytest.raises(ResultTimeout, match=r"update 'move' of run .* had not been answered"):
        run.update("move", "later", guid="later1", timeout=0.1)
    run.resume()
    assert run.update("move", "later", guid="later1") == "later"
    assert run.update("sent") is None
    assert run.result() == "later"
    with pytest.raises(Unanswered):
        run.update("move", "away")


def test_a_run_that_ends_without_an_answer_says_so(penstock: Engine) -> None:
    @workflow
    def silent() -> None:
        wait_for_event("silence")

    penstock.register(silent)
    with pytest.raises(Unanswered, match=r"UNANSWERED: run .* has ended, and not answered"):
        penstock.run(silent).update("silence", 1)
