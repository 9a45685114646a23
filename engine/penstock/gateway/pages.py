"""The dashboard's files, as `make ui` has built them into `ui_dist`; and what is said without them.

Rules
- The pages are open: they hold nothing of anybody's. All that they show they ask of the API, with
  the key of whoever looks.
- Nothing is run or fetched but what comes from this server: CONTENT_POLICY.
- Files under `assets/` have a hash of their bytes in their name, so they are kept for ever; the
  page itself is asked for anew each time. Whatever else is below `/ui/` is a place in the page.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from penstock.gateway.web import ROUTE_PATH

DIST: Final = Path(__file__).parent / "ui_dist"
UI: Final = "/ui/"
INDEX: Final = "index.html"
ASSETS: Final = "assets/"
FILES_KEPT: Final = 32
KEPT: Final = "public, max-age=31536000, immutable"
ASKED_ANEW: Final = "no-cache"

CONTENT_POLICY: Final = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'"),
        *("connect-src 'self'", "worker-src 'self'", "base-uri 'none'", "form-action 'none'"),
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MEDIA: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
NOT_BUILT: Final = """\
Penstock runs here. Its dashboard is not built in this checkout.

  make ui           builds it, with Node 20 or newer; then load this page again
  /openapi.json     tells of the HTTP API, which needs no dashboard
"""


class PageFile(Struct, frozen=True):
    """A file as it is sent."""

    data: bytes
    zipped: bytes
    media: str
    tag: str


def is_built(dist: Path = DIST) -> bool:
    """Whether the dashboard is there to be served."""
    return (dist / INDEX).is_file()


def pages_of(dist: Path = DIST) -> list[Route]:
    """The routes of the pages that are built into a directory."""

    async def home(request: Request) -> Response:
        request.scope[ROUTE_PATH] = "/"
        if not is_built(dist):
            return PlainTextResponse(NOT_BUILT, headers={**HEADERS, "Cache-Control": ASKED_ANEW})
        return RedirectResponse(UI, headers=HEADERS)

    async def page(request: Request) -> Response:
        request.scope[ROUTE_PATH] = UI
        return await run_in_threadpool(_answer, dist, request)

    return [Route("/", home), Route(UI + "{path:path}", page)]


def _answer(dist: Path, request: Request) -> Response:
    """A file of the dashboard, or the page itself for all places in it."""
    path: str = request.path_params["path"]
    built = _built(dist)
    name = path if path.startswith(ASSETS) or path in built else INDEX
    if name not in built:
        text = "there is no such file\n" if name != INDEX else NOT_BUILT
        return PlainTextResponse(text, status_code=404, headers=HEADERS)
    found = _file(dist / name, built[name])
    headers = {**HEADERS, "ETag": found.tag, "Vary": "Accept-Encoding"}
    headers["Cache-Control"] = KEPT if name.startswith(ASSETS) else ASKED_ANEW
    if request.headers.get("If-None-Match") == found.tag:
        return Response(status_code=304, headers=headers)
    data = found.data
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        data = found.zipped
    return Response(data, headers=headers, media_type=found.media)


def _built(dist: Path) -> dict[str, int]:
    """The files that there are, by path, with when each was written. A name that is none of these
    is never opened; what was built anew is sent so.
    """
    files = (one for one in dist.rglob("*") if one.is_file())
    return {one.relative_to(dist).as_posix(): one.stat().st_mtime_ns for one in files}


@lru_cache(maxsize=FILES_KEPT)
def _file(path: Path, _: int) -> PageFile:
    data = path.read_bytes()
    media = MEDIA.get(path.suffix, "application/octet-stream")
    tag = f'"{sha256(data).hexdigest()[:32]}"'
    return PageFile(data, gzip.compress(data, 9, mtime=0), media, tag)
