"""Records a log of much of what the engine can do, for replay."""

from __future__ import annotations

from penstock.core.commands.delete_schedule import DeleteSchedule
from penstock.core.commands.delete_task_def import DeleteTaskDef
from penstock.core.commands.delete_wf_spec import DeleteWfSpec
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.schedules.schedules import Misfire
from penstock.log.port import Message
from penstock.processor.verdicts import read_rulings
from tests.controls import (
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    literal,
    output_of,
    spec,
    task,
    variable,
)
from tests.replay.folding import KeptLog
from tests.scenarios.driver import Driver
from tests.scenarios.schedules import schedule
from tests.scenarios.story import register, run


def a_full_log(driver: Driver) -> KeptLog:
    """Runs that end in every way, time that passes, refusals, noise."""
    _define(driver)
    for number in range(12):
        who = f"Ada-{number}"
        story = run(driver, "hello", name=who).task("greet", name=who)
        match number % 6:
            case 0:
                story.succeeds(f"hi {who}").completes(f"hi {who}")
            case 1:
                story.fails("once").task("greet").succeeds("hi").completes("hi")
            case 2:
                story.starts()
                driver.pass_ms(1_500)
                story.task("greet").starts()
                driver.pass_ms(1_500)
                story.ends_with("TIMEOUT")
            case 3:
                story.throws("not-today", {"at": number})
            case 4:
                story.is_stopped().succeeds("kept").is_resumed().completes("kept")
            case _:
                story.succeeds([number])
    for number, answer in enumerate(("yes", "no", "maybe")):
        waiting = run(driver, "choice", f"choice-{number}")
        waiting.gets("answer", answer, guid="g")
    patient = run(driver, "patient").task("shaky").fails()
    driver.pass_ms(10_000)
    patient.task("shaky").fails().is_stopped()
    driver.pass_ms(100_000)
    patient.is_resumed()
    run(driver, "choice", "too-late")
    driver.pass_ms(61_000)
    driver.send(StopWfRun(wf_run_id="choice-0"))
    driver.send(
        PutExternalEvent(wf_run_id="never-run", event_def="answer", content={"b": 1, "a": 2})
    )
    _schedule_and_delete(driver)
    for noise in (b"", b"noise", b"\xc3\x01truncated"):
        driver.log.append_and_wait(Message(driver.topics.commands, b"noise", noise))
    driver.settle()
    return kept(driver)


def _schedule_and_delete(driver: Driver) -> None:
    """Schedules that are due, paused, deleted, and can not be; definitions that go."""
    register(driver, "quick", chain())
    for schedule_id, settings in (
        ("minutely", {"misfire": Misfire.RUN_ALL}),
        ("berlin", {"time_zone": "Europe/Berlin", "misfire": Misfire.RUN_ONCE}),
        ("martian", {"time_zone": "Mars/Olympus"}),
        ("gone", {}),
    ):
        schedule(driver, schedule_id, "* * * * *", wf_spec="quick", **settings)
    driver.pass_ms(200_000)
    driver.send(PauseSchedule(schedule_id="berlin"))
    driver.send(DeleteSchedule(schedule_id="gone"))
    driver.send(DeleteWfSpec(name="quick", version=1))
    driver.send(DeleteTaskDef(name="shaky"))
    driver.pass_ms(100_000)


def _define(driver: Driver) -> None:
    greet = task("greet", inputs={"name": variable("name")}, max_attempts=2, timeout_ms=1_000)
    hello = chain(
        greet, returns=output_of("n1"), variables=(declared("name", "STR", required=True),)
    )
    register(driver, "hello", hello, a_task_def("greet", returns="STR", name="STR"))
    backoff = {"base_ms": 1_000, "multiplier": 2.0, "max_ms": 60_000}
    register(driver, "patient", chain(task("shaky", max_attempts=5, backoff=backoff)))
    yes = compare(output_of("ask"), "EQUALS", literal("yes"))
    no = compare(output_of("ask"), "EQUALS", literal("no"))
    choice = spec(
        "ask",
        {
            "ask": event(
                "answer",
                edge("exit", yes, said=output_of("ask"), size=literal(1)),
                edge("exit", no, said=literal("n"), size=output_of("ask", "$.n")),
                timeout_ms=60_000,
            ),
            "exit": ends(variable("said")),
        },
        declared("said", "STR", default="nothing"),
        declared("size", "INT"),
    )
    register(driver, "choice", choice)


def kept(driver: Driver) -> KeptLog:
    """What a driver's engine has folded."""
    numbers = range(driver.topics.partitions)
    return KeptLog(
        [driver.log.read_all(driver.topics.commands, number) for number in numbers],
        [read_rulings(driver.log, driver.avro, driver.topics, number) for number in numbers],
    )
