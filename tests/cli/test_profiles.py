"""Profiles: what `penstock login` keeps, who gets to see it, and which server is asked then."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from penstock.cli import main
from tests.cli.calls import Said
from tests.gateway.keys import ADMIN_KEY, everything, guarded, put_key, put_principal
from tests.gateway.served import Served

Penstock = Callable[..., Said]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with guarded(tmp_path_factory.mktemp("guarded")) as one:
        yield one


@pytest.fixture
def penstock(tmp_path: Path) -> Penstock:
    """The command as a person has it who has logged in nowhere yet."""
    clean = {name: value for name, value in os.environ.items() if "PENSTOCK" not in name}

    def call(*words: str, stdin: str = "", **env: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "penstock.cli", *words],
            input=stdin,
            env={**clean, "XDG_CONFIG_HOME": str(tmp_path), **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return call


def test_who_has_logged_in_says_no_url_and_no_key(
    served: Served, penstock: Penstock, tmp_path: Path
) -> None:
    assert penstock("list", "wf-spec", "--url", served.url).returncode == 4, "it asks for a key"
    refused = penstock("login", "prod", "--url", served.url, stdin="psk_wrong\n")
    assert refused.returncode == 4
    assert not (tmp_path / "penstock").exists(), "nothing is kept that is not let in"
    done = penstock("login", "prod", "--url", served.url, stdin=f"{ADMIN_KEY}\n")
    assert done.returncode == 0, done
    assert served.url in done.stdout
    assert ADMIN_KEY not in done.stdout + done.stderr
    path = tmp_path / "penstock" / "profiles.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert penstock("list", "wf-spec").returncode == 0
    again = "login", "prod", "--url", served.url
    assert penstock(*again, stdin="psk_wrong\n").returncode == 4, "by the key that it is given"
    assert penstock("list", "wf-spec", PENSTOCK_API_KEY="psk_other").returncode == 4

    [profile] = json.loads(penstock("profiles", "list", "-o", "json").stdout)
    assert profile == {
        "name": "prod",
        "used": True,
        "url": served.url,
        "tenant": None,
        "has_key": True,
    }
    assert penstock("profiles", "use", "-").returncode == 0
    assert penstock("list", "wf-spec", "--url", served.url).returncode == 4
    assert penstock("profiles", "use", "prod").returncode == 0
    assert penstock("list", "wf-spec").returncode == 0
    assert penstock("profiles", "delete", "prod").returncode == 0
    assert ADMIN_KEY not in path.read_text()
    assert penstock("profiles", "list").stdout == ""


def test_a_key_goes_to_its_own_server_only(served: Served, penstock: Penstock) -> None:
    heard: list[str | None] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Authorization"))
            self.send_error(404)

    assert penstock("login", "--url", served.url, stdin=f"{ADMIN_KEY}\n").returncode == 0
    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{other.server_port}"
        for words, env in ((("--url", there), {}), ((), {"PENSTOCK_URL": there})):
            assert penstock("list", "wf-spec", *words, **env).returncode != 0
        other.shutdown()
    assert heard
    assert set(heard) == {None}


def test_a_tenant_is_named_by_who_asks_only(served: Served, penstock: Penstock) -> None:
    """Who says none has that of the key; what is said is sent, and holds."""
    served.good("PUT", "/v1/tenants?wait=all", {"name": "shop"})
    put_principal(served, "of-shop", everything("shop"))
    key = put_key(served, "of-shop", "ofshop0000000")
    env = {"PENSTOCK_API_KEY": key, "PENSTOCK_URL": served.url}
    assert penstock("list", "wf-spec", **env).returncode == 0
    bench = penstock("bench", "--runs", "1", **env)  # it has a worker, too
    assert bench.returncode == 0, bench
    for refused in (
        penstock("list", "wf-spec", "--tenant", "default", **env),
        penstock("list", "wf-spec", **env, PENSTOCK_TENANT="default"),
    ):
        assert refused.returncode == 4, refused
        assert "no grant in tenant 'default'" in refused.stderr

    login = "login", "shop", "--url", served.url
    done = penstock(*login, stdin=f"{key}\n")
    assert done.returncode == 0, done
    assert "tenant shop" in done.stdout
    assert penstock("list", "wf-spec").returncode == 0
    assert penstock(*login, "--tenant", "shop", stdin=f"{key}\n").returncode == 0
    [profile] = json.loads(penstock("profiles", "list", "-o", "json").stdout)
    assert profile["tenant"] == "shop"


def test_mistakes_are_told(penstock: Penstock, tmp_path: Path) -> None:
    assert "no profile 'x'" in penstock("profiles", "use", "x").stderr
    assert "no profile 'x'" in penstock("profiles", "delete", "x").stderr
    assert penstock("login", "--url", "http://127.0.0.1:9", stdin="\n").returncode == 5
    assert penstock("login", "a\nb", stdin="\n").returncode == 2
    assert penstock("login", "--key-file", "nowhere").returncode == 1
    path = tmp_path / "penstock" / "profiles.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"used": 7}))
    assert_told(penstock("version"), str(path))
    path.write_bytes(b'{"used": "\xff"}')
    assert_told(penstock("version"), str(path))
    path.unlink()
    path.mkdir()
    assert_told(penstock("version"), "profiles can not be read")


def test_where_nothing_can_be_kept_a_login_is_refused(
    served: Served, penstock: Penstock, tmp_path: Path
) -> None:
    """As /dev/null is the home of some users. All else is done as if there were no profiles."""
    home = tmp_path / "home"
    home.touch()
    env = {"XDG_CONFIG_HOME": str(home)}
    assert penstock("version", **env).returncode == 0
    login = penstock("login", "--url", served.url, stdin=f"{ADMIN_KEY}\n", **env)
    assert_told(login, "profiles can not be kept")
    assert_told(penstock("profiles", "use", "-", **env), "profiles can not be kept")
    assert str(home) in login.stderr and ADMIN_KEY not in login.stderr


def assert_told(said: Said, what: str) -> None:
    """In a sentence, with the code for what failed."""
    assert said.returncode == 1, said
    assert what in said.stderr and "Traceback" not in said.stderr


def test_who_has_no_home_has_no_profiles(
    served: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the image's user, whom the machine knows by number alone."""

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setenv("PENSTOCK_API_KEY", "")  # which login changes
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert main(["version"]) == 0
    assert main(["profiles", "list"]) == 0
    key = tmp_path / "key"
    key.write_text(ADMIN_KEY)
    assert main(["login", "--url", served.url, "--key-file", str(key)]) == 1
    assert "has no home directory" in capsys.readouterr().err
