"""TLS over real sockets: a server is known by its certificate, and with mTLS so are its clients;
clients and workers of the SDK, and the command line, come with what the environment names.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from penstock import Client, Worker, task, workflow
from penstock.cli import main
from penstock.config import client_context
from penstock.sdk.errors import PenstockError
from tests.gateway.certificates import Authority
from tests.gateway.keys import ADMIN_KEY, everything, guarded, put_key, put_principal
from tests.gateway.served import Served


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("ca")), "our-authority")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Served]:
    """A gateway that wants keys and certificates."""
    tls = replace(authority.signed("server"), client_ca=authority.ca)
    with guarded(Path(tmp_path_factory.mktemp("tls")), tls=tls) as made:
        yield made


def test_who_shows_no_certificate_gets_no_answer(
    served: Served, authority: Authority, tmp_path: Path
) -> None:
    """Nor who shows one that somebody else has signed; and no client believes such a server."""
    assert served.url.startswith("https://")
    assert served.good("GET", "/v1/whoami")["principal"] == "admin"
    ours, others = authority.signed("client"), Authority(tmp_path, "others").signed("stranger")
    for tls in (
        replace(ours, cert=None, key=None),
        replace(ours, cert=others.cert, key=others.key),
        replace(ours, ca=others.ca),
    ):
        with (
            httpx.Client(base_url=served.url, verify=client_context(tls)) as client,
            pytest.raises(httpx.TransportError),
        ):
            client.get("/healthz")
    with pytest.raises(httpx.TransportError):
        httpx.get(served.url.replace("https", "http") + "/healthz")


@task
def greet(name: str) -> str:
    return f"hello {name}"


@workflow
def greeting(name: str) -> str:
    return greet(name)


def test_clients_workers_and_the_command_line_come_with_keys(
    served: Served,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A key made on the command line, then used; and what it may not do."""
    tls = authority.signed("sdk")
    for name, file in (("CA", tls.ca), ("CERT", tls.cert), ("KEY", tls.key)):
        monkeypatch.setenv(f"PENSTOCK_TLS_{name}", str(file))
    monkeypatch.setenv("PENSTOCK_API_KEY", ADMIN_KEY)
    where = ["--url", served.url]
    create = ["keys", "create", "ann", "--grant", "acme:ALL_RESOURCES:ALL_ACTIONS", "--days", "7"]
    assert main([*create, *where]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("psk_")
    assert main(["keys", "list", *where]) == 0
    listed = capsys.readouterr().out
    assert key.split("_")[1] in listed and key not in listed
    monkeypatch.setenv("PENSTOCK_API_KEY", key)
    assert main(["keys", "list", *where]) == 4
    assert "PERMISSION_DENIED" in capsys.readouterr().err
    with (
        Client(served.url, tenant="acme") as client,
        Worker(greeting, url=served.url, tenant="acme"),
    ):
        client.register(greeting)
        assert client.run(greeting, name="Ada").result() == "hello Ada"
    put_principal(served, "bob", everything("other"))
    bobs = put_key(served, "bob", "bobskey00")
    with (
        Client(served.url, tenant="acme", api_key=bobs) as client,
        pytest.raises(PenstockError, match="PERMISSION_DENIED"),
    ):
        client.register(greeting)
    monkeypatch.setenv("PENSTOCK_API_KEY", ADMIN_KEY)
    assert main(["keys", "revoke", key.split("_")[1], *where]) == 0
    assert main(["principals", "delete", "ann", *where]) == 0
    assert main(["principals", "list", *where]) == 0
    assert "ann " not in capsys.readouterr().out.replace("ann is deleted", "")


def test_doctor_and_metrics_tell_when_a_certificate_ends(
    served: Served, authority: Authority, tmp_path: Path
) -> None:
    assert certificate(served) == (
        True,
        "the certificate that this node shows ends in less than a day",
    )
    tls = authority.signed("for-long", days=20)
    with guarded(tmp_path / "data", tls=tls) as made:
        assert certificate(made) == (False, "the certificate that this node shows ends in 19 days")
        assert shown_end(made) == [pytest.approx(time.time() + 20 * DAY_S, abs=600)]
    with guarded(tmp_path / "plain") as plain:
        assert "CERTIFICATE" not in str(plain.good("GET", "/v1/doctor"))
        assert shown_end(plain) == []


DAY_S = 24 * 3_600


def shown_end(served: Served) -> list[float]:
    """The samples that Prometheus gets of when it ends."""
    families = text_string_to_metric_families(served.call("GET", "/metrics").text)
    [family] = [one for one in families if one.name == "penstock_certificate_end_timestamp_seconds"]
    return [one.value for one in family.samples]


def certificate(served: Served) -> tuple[bool, str]:
    items = served.good("GET", "/v1/doctor")["items"]
    [found] = [one for one in items if one["check"] == "CERTIFICATE"]
    return found["wrong"], found["what"]


def test_while_an_authority_is_changed_both_are_good(tmp_path: Path, authority: Authority) -> None:
    """What is signed by either is taken, as docs/SECURITY.md has it: both stand in one file."""
    new = Authority(tmp_path, "new-authority")
    both = tmp_path / "both.pem"
    both.write_bytes(authority.ca.read_bytes() + new.ca.read_bytes())
    servers = [authority.signed("first"), new.signed("second")]
    clients = [authority.signed("before"), new.signed("behind")]
    for number, own in enumerate(servers):
        tls = replace(own, ca=both, client_ca=both)
        with guarded(tmp_path / f"data-{number}", tls=tls) as made:
            for client in clients:
                context = client_context(replace(client, ca=both))
                assert httpx.get(f"{made.url}/healthz", verify=context).status_code == 200


def test_a_server_with_bad_certificates_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("nothing")
    words = ["dev", "--data", str(tmp_path / "data"), "--port", "0", "--no-builtin"]
    assert main([*words, "--tls-cert", str(bad), "--tls-key", str(bad)]) == 1
    assert "TLS certificates" in capsys.readouterr().err
    short = tmp_path / "short"
    short.write_text("short\n")
    assert main([*words, "--auth", "on", "--admin-key-file", str(short)]) == 1
    assert "admin key" in capsys.readouterr().err
