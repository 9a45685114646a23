"""What every route is made of: the gateway's parts, answers as JSON with their position,
parameters, pages.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar, cast

import msgspec
from msgspec import Raw
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.command import Command
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.definitions.principals import Action, Resource
from penstock.core.errors import Code, refuse
from penstock.core.ids import correlation_key_problem, partition_of
from penstock.core.permissions import denied
from penstock.core.state.keys import Part, after_prefix
from penstock.core.state.rows import Row
from penstock.core.state.run import WfRun
from penstock.core.views.filling import Filling
from penstock.gateway.access import ASKED_FOR_NOTHING, OPEN, Access, access_of
from penstock.gateway.admission import admitted
from penstock.gateway.asked import part_header
from penstock.gateway.at_once import AtOnce, Searches
from penstock.gateway.auth import Caller, Security, identify
from penstock.gateway.backlogs import Backlogs
from penstock.gateway.cursors import cursor_bytes, cursor_text
from penstock.gateway.engine import Engine, new_command_id
from penstock.gateway.errors import ApiError, NotHere, bad_request
from penstock.gateway.filters import whole_number
from penstock.gateway.forward import Forwarder
from penstock.gateway.json_in import COMMAND_ID_HEADER, NUMBER_CHARS_MAX
from penstock.gateway.load import Limits, Load
from penstock.gateway.reads import Reads, View
from penstock.gateway.run_changes import RunChanges
from penstock.gateway.sampler import Sampler
from penstock.gateway.says import PAGE_DEFAULT, PAGE_MAX, Says
from penstock.gateway.sent_events import MEDIA
from penstock.gateway.shown_runs import ShownRuns
from penstock.gateway.task_queue import TaskQueues
from penstock.gateway.watch import Watch
from penstock.log.port import EngineLog, Position
from penstock.observe.tally import HttpTally
from penstock.processor.processor import Processor

POSITION_HEADER: Final = "Penstock-Position"
STANDBY_HEADER: Final = "Penstock-Standby-Lag"
ROUTE_PATH: Final = "penstock.route"

STANDBY: Final = "standby"

R = TypeVar("R", bound=Row)
T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]
Listed = tuple[list[Raw], str | None]
"""The items of a page, as JSON, and the cursor of the next one."""

COMMAND_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of a gateway."""

    processor: Processor
    log: EngineLog
    avro: Avro
    topics: Topics
    limits: Limits
    watch: Watch
    reads: Reads
    engine: Engine
    queues: TaskQueues
    run_changes: RunChanges
    shown_runs: ShownRuns
    streams: AtOnce
    waits: AtOnce
    searches: Searches
    backlogs: Backlogs
    forwarder: Forwarder
    load: Load
    sampler: Sampler
    http: HttpTally
    security: Security


def gateway_of(request: Request) -> Gateway:
    """The gateway that a request came to."""
    return cast(Gateway, request.app.state.gateway)


def json_answer(
    body: object,
    *,
    status: int = 200,
    position: Position | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A JSON answer that names the position it stands for."""
    named = dict(headers or {})
    if position is not None:
        named[POSITION_HEADER] = str(position)
    return Response(_encode(body), status_code=status, headers=named, media_type="application/json")


class WholeNumber(IntegerConvertor):
    """A number in a path. One of very many digits can not be read (Python refuses), so there is no
    route that has it.
    """

    regex = f"[0-9]{{1,{NUMBER_CHARS_MAX}}}"


WHOLE: Final = "whole"
register_url_convertor(WHOLE, WholeNumber())


class ApiRoute(Route):
    """A route that says what it takes and gives; a request is counted under its path as it stands
    here.
    """

    def __init__(self, method: str, path: str, handler: Handler, says: Says | None) -> None:
        strict = _strict(handler, says)
        reads = says is None or not says.sends
        needs = reads and path not in OPEN | ASKED_FOR_NOTHING
        access = access_of(method, path) if needs else None
        follows = says is not None and says.media == MEDIA

        async def named(request: Request) -> Response:
            request.scope[ROUTE_PATH] = path
            request.state.follows = follows
            if path not in OPEN:
                caller = await _admit(request)
                if access is not None:
                    request.state.access = access
                    access.check(caller, request)
            answer = await strict(request)
            behind = getattr(request.state, "behind", None)
            if behind is not None:
                answer.headers[STANDBY_HEADER] = str(behind)
            return answer

        super().__init__(path, named, methods=[method])
        self.method = method
        self.says = says
        self.is_open = path in OPEN
        self.about = (says.about if says else "") or handler.__doc__ or ""


async def _admit(request: Request) -> Caller:
    """Let in who has a credential. A request may come by here more than once, until its partition
    can be asked.
    """
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    gateway = gateway_of(request)
    request.state.caller = await admitted(
        request, gateway.security, gateway.reads, gateway.forwarder
    )
    return request.state.caller


async def admitted_again(request: Request) -> bool:
    """Look anew at who sends a request that goes on, and at his leave; whether there is anything
    new. Raises ApiError or Reject if he may not go on.
    """
    gateway, before = gateway_of(request), identify(request)
    if not gateway.security.asks:
        return False
    caller = await admitted(request, gateway.security, gateway.reads, gateway.forwarder)
    if caller == before:
        return False
    access: Access | None = getattr(request.state, "access", None)
    if access is not None:
        if caller.tenant != before.tenant:
            raise denied(access.action, access.resource, before.tenant)
        access.check(caller, request)
    request.state.caller = caller
    return True


def _strict(handler: Handler, says: Says | None) -> Handler:
    """As with the fields of a body: a parameter that the route does not know is a mistake."""
    if says is None or says.takes_any:
        return handler
    known = {param.name for param in says.query}

    async def checked(request: Request) -> Response:
        for name in request.query_params:
            if name not in known:
                raise bad_request(f"there is no parameter {name[:60]!r} here")
        return await handler(request)

    return checked


def route(method: str, path: str, handler: Handler, says: Says | None = None) -> ApiRoute:
    """One route. A test fails for one that says nothing: /openapi.json would not have it."""
    return ApiRoute(method, path, handler, says)


# Commands.


async def send(
    request: Request, command: Command, *, caller: Caller, command_id: str, created: int = 200
) -> Response:
    """Send a command and answer as the fold did; `created` is the status of a first time."""
    answered = await gateway_of(request).engine.send(command, caller, command_id)
    answer, position = answered.answer, answered.position
    named = {COMMAND_ID_HEADER: command_id}
    if answer.code is not None:
        raise ApiError(
            Code(answer.code),
            answer.message,
            position=position,
            headers=named,
            faults=answer.faults,
        )
    body = dict(cast("dict[str, Any]", answer.body or {}))
    body |= {"repeated": answer.repeated, "position": str(position)}
    status = 200 if answer.repeated else created
    return json_answer(body, status=status, position=position, headers=named)


def command_id_of(request: Request) -> str:
    """The command's id: the client's, so that it can send the command again, or one made here; the
    request keeps it wherever it goes.
    """
    given = request.headers.get(COMMAND_ID_HEADER)
    if given is None:
        given = getattr(request.state, "command_id", None) or new_command_id()
        request.state.command_id = given
    if not COMMAND_ID.fullmatch(given):
        refuse(Code.BAD_ID, f"{COMMAND_ID_HEADER}: use 1-128 ASCII characters, none of them blank")
    return given


# Reads.


async def view_of_run(request: Request) -> tuple[View, str, str]:
    """The partition of the run in the path, as new as `at_least` asks; tenant and run id."""
    gateway, caller = gateway_of(request), identify(request)
    tenant, wf_run_id = caller.tenant, cast(str, request.path_params["wf_run_id"])
    view = await view_at(request, gateway.reads.number_of(wf_run_id))
    check_sees_run(caller, view, wf_run_id)
    return view, tenant, wf_run_id


def check_sees_run(caller: Caller, view: View, wf_run_id: str) -> None:
    """Refuse to show a run of a spec that the caller may not read, as if it were not there."""
    if caller.may(Action.READ, Resource.WORKFLOW, None):
        return
    run = view.rows.peek(WfRun, caller.tenant, wf_run_id)
    if run is None or not caller.sees(Resource.WORKFLOW, run.wf_spec):
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")


def sees_run(request: Request, number: int, wf_run_id: str) -> Callable[[], None]:
    """What refuses the caller of a request, as he is then, who may not see a run any more."""
    reads = gateway_of(request).reads
    return lambda: check_sees_run(identify(request), reads.view(number), wf_run_id)


async def view_of_definitions(request: Request) -> tuple[View, str]:
    """A partition that has the definitions, and the tenant. All have them: the deciding one is
    looked at only if it is here, or `at_least` asks for it; a node that waits until all have one
    says which partition it means.
    """
    reads, tenant = gateway_of(request).reads, identify(request).tenant
    part = part_header(request)
    if part is not None and re.fullmatch(r"[0-9]{1,6}", part) and int(part) < reads.partitions:
        return reads.view(int(part)), tenant
    asked = "at_least" in request.query_params
    number = DECIDING_PARTITION if asked else reads.any_open()
    return await view_at(request, number), tenant


def refuse_unknown(request: Request, view: View, code: Code, message: str) -> NoReturn:
    """Refuse to show a definition that is not there; if it is only not here yet, the partition that
    decides knows.
    """
    if view.position.partition != DECIDING_PARTITION and part_header(request) is None:
        raise NotHere(DECIDING_PARTITION)
    refuse(code, message)


async def view_of_key(request: Request, key: str) -> tuple[View, str]:
    """The partition of a correlation key, as new as `at_least` asks; and the tenant."""
    problem = correlation_key_problem(key)
    if problem is not None:
        refuse(Code.BAD_ID, problem)
    number = partition_of(key.encode(), gateway_of(request).reads.partitions)
    return await view_at(request, number), identify(request).tenant


def waiting(request: Request) -> AbstractContextManager[None]:
    """To be entered while a request waits for what is not there yet: so many may."""
    return gateway_of(request).waits.one_of(identify(request).tenant)


async def searched(request: Request, search: Callable[..., T], *args: object) -> T:
    """What a search finds that looks at much: so many may, at once."""
    return await gateway_of(request).searches.do(identify(request).tenant, search, *args)


async def view_at(request: Request, number: int) -> View:
    """A partition, as new as `at_least` asks; `read_from` says whether a standby may answer."""
    gateway = gateway_of(request)
    at_least = request.query_params.get("at_least")
    read_from = request.query_params.get("read_from")
    if read_from not in (None, STANDBY):
        raise bad_request(f"parameter `read_from` can be `{STANDBY}`, or be left out")
    view = await gateway.reads.view_at(
        number,
        at_least,
        gateway.limits.read_timeout_s,
        waiting(request),
        of_any=read_from is not None,
    )
    request.state.behind = view.behind
    return view


def int_param(request: Request, name: str, default: int, *, low: int, high: int) -> int:
    """A whole number among the query's parameters."""
    text = request.query_params.get(name)
    if text is None:
        return default
    return whole_number(name, text, low=low, high=high)


def page(
    request: Request,
    view: View,
    kind: type[R],
    show: Callable[[R], Any],
    *parts: Part,
    begins: str = "",
) -> Listed:
    """What `show` makes of up to `limit` rows whose keys begin with `parts`, and the next part of
    them with the text `begins`, from `cursor` on; and the cursor of the next page. It is None for a
    row that is not to be seen.
    """
    return page_of(request, view, kind, show, kind.key(*parts) + begins.encode())


def page_of(
    request: Request, view: View, kind: type[R], show: Callable[[R], Any], prefix: bytes
) -> Listed:
    """See `page`: of the rows whose keys begin with these bytes."""

    def rows(start: bytes) -> Iterator[tuple[bytes, R]]:
        return view.rows.range(kind, start, after_prefix(prefix))

    return filled(request, prefix, rows, show)


def filled(
    request: Request,
    prefix: bytes,
    rows: Callable[[bytes], Iterator[tuple[bytes, R]]],
    show: Callable[[R], Any],
) -> Listed:
    """See `page`: of what `rows` gives from a key on. No row is kept that was shown."""
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    cursor, start = request.query_params.get("cursor"), prefix
    if cursor is not None:
        start = prefix + cursor_bytes(cursor) + b"\x00"
    page, last = Filling(limit), start
    for looked_at, (key, row) in enumerate(rows(start)):
        if looked_at == limit or not page.left:
            return page.items, cursor_text(last[len(prefix) :])
        last, item = key, show(row)
        if item is not None:
            page.add(item)
    return page.items, None


def listed(items: Sequence[Any], cursor: str | None, position: Position) -> Response:
    """A page of a list."""
    return json_answer({"items": items, "cursor": cursor}, position=position)
