"""The dashboard's files are served as they should be, and missed where they are not built."""

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from penstock.gateway.pages import DIST, pages_of
from tests.gateway.served import Served

INDEX = "<!doctype html><title>Penstock</title>"
SCRIPT = "console.log('dashboard');" * 50


class Pages:
    """The pages of a directory, asked without a server."""

    def __init__(self, dist: Path) -> None:
        self._app = Starlette(routes=pages_of(dist))

    def get(self, path: str, **headers: str) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://pages") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(asked())


@pytest.fixture
def built(tmp_path: Path) -> Pages:
    """Pages in front of a directory with a page and a script."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-1a2b.js").write_text(SCRIPT)
    (tmp_path.parent / "secret.txt").write_text("secret")
    return Pages(tmp_path)


def test_every_place_in_the_dashboard_is_its_page(built: Pages) -> None:
    for path in ("/ui/", "/ui/runs", "/ui/runs/some%2Fid?tab=story", "/ui/no/such.page"):
        answer = built.get(path)
        assert (answer.status_code, answer.text) == (200, INDEX), path
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    home = built.get("/")
    assert (home.status_code, home.headers["location"]) == (307, "/ui/")


def test_files_with_a_hash_in_their_name_are_kept_for_ever(built: Pages) -> None:
    answer = built.get("/ui/assets/index-1a2b.js")
    assert answer.text == SCRIPT
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    plain = built.get("/ui/assets/index-1a2b.js", **{"Accept-Encoding": "identity"})
    assert plain.text == SCRIPT and "content-encoding" not in plain.headers
    tag = built.get("/ui/icon.svg").headers["etag"]
    again = built.get("/ui/icon.svg", **{"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_but_what_was_built_is_served(built: Pages) -> None:
    for path in ("assets/other.js", "assets/../../secret.txt", "assets/%2e%2e/%2e%2e/secret.txt"):
        assert "secret" not in built.get(f"/ui/{path}").text, path
    assert built.get("/ui/assets/other.js").status_code == 404
    assert "secret" not in built.get("/ui/%2e%2e/secret.txt").text


def test_what_is_built_anew_is_served(built: Pages, tmp_path: Path) -> None:
    assert built.get("/ui/").text == INDEX
    (tmp_path / "index.html").write_text("other")
    assert built.get("/ui/").text == "other"


def test_nothing_is_run_but_what_comes_from_here(built: Pages) -> None:
    for path in ("/", "/ui/", "/ui/assets/index-1a2b.js", "/ui/assets/other.js"):
        headers = built.get(path).headers
        policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"


def test_a_checkout_without_the_dashboard_says_how_to_build_it(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "none")
    assert pages.get("/").status_code == 200
    assert pages.get("/ui/runs").status_code == 404
    for path in ("/", "/ui/runs"):
        assert "make ui" in pages.get(path).text


def test_the_pages_ask_for_no_credential(served: Served) -> None:
    answer = httpx.get(f"{served.url}/")
    assert answer.status_code == (307 if (DIST / "index.html").is_file() else 200)
    assert answer.headers["x-content-type-options"] == "nosniff"
