"""Dead letters: list them, look at one, send one again."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.dead_letters import DeadLetterRead, DeadLetterRetried, DeadLetters
from penstock.gateway import render
from penstock.gateway.auth import identify
from penstock.gateway.dead_letters import (
    CannotRetry,
    Letter,
    letter_at,
    listed_letter,
    newest_letters,
    retry,
    shown_letter,
)
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.says import Param, Says
from penstock.gateway.web import Gateway, gateway_of, int_param, json_answer, route

DEAD_LETTERS_MAX: Final = 1_000


async def dead_letters(request: Request) -> Response:
    """The newest dead letters, newest first; all, or those with a `code`."""
    gateway, code = gateway_of(request), request.query_params.get("code")
    limit = int_param(request, "limit", 100, low=1, high=DEAD_LETTERS_MAX)

    def read() -> tuple[list[render.Json], int]:
        avro, topics = gateway.avro, gateway.topics
        letters, total, retried = newest_letters(gateway.log, avro, topics, code, limit)
        return [listed_letter(one, avro, topics, retried) for one in letters], total

    items, total = await run_in_threadpool(read)
    return json_answer({"items": items, "total": total})


async def dead_letter(request: Request) -> Response:
    """One, with its bytes read as far as can be."""
    gateway = gateway_of(request)

    def read() -> render.Json:
        letter, retried = _found(gateway, request.path_params["number"])
        return shown_letter(letter, gateway.avro, gateway.topics, retried)

    return json_answer(await run_in_threadpool(read))


async def retry_dead_letter(request: Request) -> Response:
    """Append the bytes of one again, where that makes sense."""
    gateway, caller = gateway_of(request), identify(request)

    def send() -> render.Json:
        letter, retried = _found(gateway, request.path_params["number"])
        position = retry(
            letter,
            log=gateway.log,
            avro=gateway.avro,
            topics=gateway.topics,
            retried=retried,
            principal=caller.principal,
        )
        return {"number": letter.number, "topic": letter.dead.topic, "position": str(position)}

    try:
        return json_answer(await run_in_threadpool(send))
    except CannotRetry as error:
        raise ApiError(EdgeCode.NOT_RETRYABLE, f"it is not sent again: {error}") from error


def _found(gateway: Gateway, number: int) -> tuple[Letter, set[int]]:
    letter, retried = letter_at(gateway.log, gateway.avro, gateway.topics, number)
    if letter is None:
        raise ApiError(EdgeCode.NOT_FOUND, f"there is no dead letter {number}")
    return letter, retried


CODE: Final = Param("code", str, "Those with this code.")
NEWEST: Final = Param(
    "limit", Annotated[int, Meta(ge=1, le=DEAD_LETTERS_MAX)], "How many at most; 100 if left out."
)
LETTER: Final = "/v1/dead-letters/{number:whole}"
RETRIES: Final = Says(gives=DeadLetterRetried, also=(409,))
ROUTES: Final = [
    route("GET", "/v1/dead-letters", dead_letters, Says(gives=DeadLetters, query=(CODE, NEWEST))),
    route("GET", LETTER, dead_letter, Says(gives=DeadLetterRead)),
    route("POST", LETTER + "/retry", retry_dead_letter, RETRIES),
]
