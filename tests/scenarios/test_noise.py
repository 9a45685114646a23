"""What hostile or broken producers put on the commands topic: dead letters, and the partition goes
on (I5).
"""

import random
from collections.abc import Iterator

import pytest

from penstock.contracts.avro import MAGIC
from penstock.contracts.wire import Sent, outgoing
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.log.port import Message
from tests.controls import chain, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import register, run

SEED = 20261121


@pytest.mark.fault(32)
def test_noise_becomes_dead_letters_and_the_next_record_is_folded(driver: Driver) -> None:
    """Random bytes, truncated Avro, unknown fingerprints, empty and null values, wild headers."""
    register(driver, "hello", chain(task("greet")))
    story = run(driver, "hello")
    noise = list(_noise(driver))
    for message in noise:
        driver.log.append(message)
    driver.log.flush()
    story.task("greet").succeeds().completes()
    run(driver, "hello").task("greet").succeeds().completes()
    letters = driver.dead_letters()
    assert len(letters) == len(noise)
    assert {letter.code for letter in letters} == {"MALFORMED"}
    assert sorted(letter.value for letter in letters) == sorted(one.value or b"" for one in noise)
    assert all(letter.message for letter in letters)


def test_a_hostile_command_id_or_tenant_is_malformed(driver: Driver) -> None:
    """They would be part of a row's key."""
    register(driver, "hello", chain())
    command = RunWf(wf_spec="hello", wf_run_id="r1")
    bad = [
        outgoing(driver.avro, Sent(command=command, tenant="a\x00b"), "c"),
        outgoing(driver.avro, Sent(command=command, tenant="x" * 41), "c"),
        outgoing(driver.avro, Sent(command=command), "c" * 200),
        outgoing(driver.avro, Sent(command=StopWfRun(wf_run_id="r\x00n\x00")), "c"),
    ]
    for out in bad:
        driver.log.append_and_wait(Message(driver.topics.commands, b"k", out.value, out.headers))
    run(driver, "hello").completes()
    assert [letter.code for letter in driver.dead_letters()] == ["MALFORMED"] * len(bad)


def _noise(driver: Driver) -> Iterator[Message]:
    """About 50 records, the same for the same seed."""
    chance = random.Random(SEED)
    good = outgoing(driver.avro, Sent(command=RunWf(wf_spec="hello", wf_run_id="never")), None)
    values: list[bytes | None] = [None, b"", MAGIC, MAGIC + b"12345678", b"{}", good.value + b"x"]
    values += [good.value[:cut] for cut in range(0, len(good.value), 7)]
    values += [chance.randbytes(chance.randrange(1, 400)) for _ in range(20)]
    values += [good.value[:10] + chance.randbytes(30) for _ in range(5)]
    for value in values:
        key = chance.choice([None, b"", chance.randbytes(5), b"run-1"])
        headers = chance.choice([{}, {"command-id": chance.randbytes(3)}, {"stamp": b"x"}])
        yield Message(driver.topics.commands, key, value, headers)
    yield Message(driver.topics.commands, b"k", good.value, {"fold-version": b"many"})
    yield Message(driver.topics.commands, b"k", good.value, {"source": b"0", "stamp": b"no"})
