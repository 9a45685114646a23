"""Receivers that mean harm: every one is given up soon, with a code, and little was taken of it."""

import asyncio
import gzip
import time
from collections.abc import Sequence

import pytest

from penstock.builtin.bounds import OutboundCode as Code
from penstock.builtin.outbound import RESPONSE_BYTES_MAX, Answer
from tests.builtin.clients import code_of, outbound
from tests.builtin.receivers import endless, raw, receiving

PLAIN = b"HTTP/1.1 200 OK\r\n\r\n"
BOMB = gzip.compress(b"\x00" * 50_000_000, compresslevel=9)
GZIP_HEAD = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (endless(PLAIN, b"x" * 10_000), Code.RESPONSE_TOO_LARGE),
        (raw(PLAIN + b"x" * (RESPONSE_BYTES_MAX + 1)), Code.RESPONSE_TOO_LARGE),
        (raw(GZIP_HEAD + BOMB), Code.RESPONSE_TOO_LARGE),
        (endless(GZIP_HEAD + gzip.compress(b"x"), b"y" * 10_000), Code.RESPONSE_TOO_LARGE),
        (endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"y" * 1000 + b"\r\n"), Code.BAD_ANSWER),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n"), Code.RESPONSE_TOO_LARGE),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n"), Code.RESPONSE_TOO_LARGE),
        (raw(GZIP_HEAD + gzip.compress(b"text")[:-1]), Code.BAD_ANSWER),
        (raw(GZIP_HEAD + b"no gzip at all"), Code.BAD_ANSWER),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nx"), Code.BAD_ANSWER),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), Code.BAD_ANSWER),
        (raw(b""), Code.BAD_ANSWER),
        (raw(b"SSH-2.0-OpenSSH\r\n"), Code.BAD_ANSWER),
    ],
    ids=lambda given: given if isinstance(given, Code) else "",
)
def test_a_hostile_answer_ends_soon_and_with_a_code(answer: object, code: Code) -> None:
    async def story() -> Code:
        async with receiving(answer) as receiver:  # pyright: ignore[reportArgumentType]
            return await code_of(outbound(receiver), receiver.url)

    assert asyncio.run(story()) is code


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"", b"", 0.05),
        endless(PLAIN, b"x", 0.05),
        endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.05),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    ],
    ids=["says nothing", "drips a body", "drips headers", "goes on for ever"],
)
def test_a_slow_answer_is_given_up_in_time(answer: object) -> None:
    async def story() -> Code:
        async with receiving(answer) as receiver:  # pyright: ignore[reportArgumentType]
            return await code_of(outbound(receiver, timeout_s=0.4), receiver.url)

    begun = time.monotonic()
    assert asyncio.run(story()) is Code.NO_ANSWER_IN_TIME
    assert time.monotonic() - begun < 20


def test_a_slow_resolver_counts_towards_the_time() -> None:
    async def asleep(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    client = outbound(resolver=asleep, timeout_s=0.2)
    assert asyncio.run(code_of(client, "http://a.example")) is Code.NO_ANSWER_IN_TIME


def test_a_body_that_nobody_wants_is_not_waited_for() -> None:
    async def story() -> Answer:
        async with receiving(endless(PLAIN, b"x", 0.05)) as receiver:
            return await outbound(receiver, timeout_s=30).send("POST", receiver.url, read=False)

    begun = time.monotonic()
    assert asyncio.run(story()).status == 200
    assert time.monotonic() - begun < 15
