"""A server that asks nobody for a credential says so when others can reach it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.servers import running_server

WARNING = "WARNING: whoever reaches"
AUTH = {"PENSTOCK_ADMIN_KEY": "k" * 40}


@pytest.mark.parametrize(
    ("arguments", "warns"),
    [
        (("dev", "--host", "0.0.0.0"), True),
        (("dev",), False),
        (("dev", "--host", "localhost"), False),
        (("dev", "--host", "0.0.0.0", "--auth", "on"), False),
    ],
)
def test_who_can_be_reached_and_asks_nobody_warns(
    tmp_path: Path, arguments: tuple[str, ...], warns: bool
) -> None:
    with running_server(tmp_path / "data", *arguments, env=AUTH):
        printed = (tmp_path / "data.log").read_text()
        assert "penstock, cluster" in printed
        assert (WARNING in printed) == warns, printed
        assert ("use --auth on" in printed) == warns


@pytest.mark.parametrize("env", [AUTH, {}], ids=["a first key", "no key"])
def test_a_server_that_has_no_first_key_says_how_one_comes_in(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """A new one would let nobody in."""
    with running_server(tmp_path / "data", "dev", "--auth", "on", env=env):
        printed = (tmp_path / "data.log").read_text()
        assert "callers need a credential" in printed
        assert ("--admin-key-file makes the first" in printed) == (not env), printed
