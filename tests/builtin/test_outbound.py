"""The one way out, against real sockets: what it sends, and what it refuses."""

import asyncio
import gzip
import shutil
import ssl
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from penstock.builtin.bounds import REQUEST_BYTES_MAX
from penstock.builtin.bounds import OutboundCode as Code
from penstock.builtin.outbound import Answer, Resolve, resolve
from tests.builtin.clients import Names, code_of, outbound
from tests.builtin.receivers import OK, raw, receiving


def refused(url: str, *, resolver: Resolve = resolve, allow: Sequence[str] = ()) -> Code:
    return asyncio.run(code_of(outbound(allow=allow, resolver=resolver), url))


# What goes through.


def test_a_request_goes_out_and_its_answer_comes_back() -> None:
    async def story() -> None:
        head = (
            b"HTTP/1.1 201 Made\r\nX-A: 1\r\nX-A: 2\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\n\r\n"
        )
        async with receiving(raw(head + b"body")) as receiver:
            client = outbound(receiver)
            for _ in range(2):
                answer = await client.send(
                    "POST", f"{receiver.url}/a?b=c#d", headers={"X-Key": "v"}, body=b"text"
                )

                assert answer.status == 201
                assert answer.body == b"body"
                assert answer.headers["x-a"] == "1, 2"
            for seen in receiver.requests:
                assert seen.line == "POST /a?b=c HTTP/1.1"
                assert seen.body == b"text"
                assert seen.headers == {
                    "host": f"127.0.0.1:{receiver.port}",
                    "user-agent": "Penstock",
                    "accept": "*/*",
                    "x-key": "v",
                    "accept-encoding": "identity",
                    "connection": "close",
                    "content-length": "4",
                }, "no cookie comes back"
            assert receiver.connections == 2

    asyncio.run(story())


def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked() -> None:
    async def story() -> None:
        async with receiving(raw(OK)) as receiver:
            names = Names(["127.0.0.1"], ["10.255.255.1"])
            client = outbound(receiver, resolver=names)

            answer = await client.send("GET", f"http://Hooks.Example.:{receiver.port}/")

            assert answer.body == b"ok"
            assert names.asked == 1
            assert receiver.requests[0].headers["host"] == f"hooks.example.:{receiver.port}"

    asyncio.run(story())


@pytest.mark.fault(41)
def test_a_name_that_changes_after_the_check_is_not_asked_again() -> None:
    """Public first, then private: the request goes to the public address, and finds nobody."""

    async def story() -> None:
        async with receiving(raw(OK)) as receiver:
            names = Names(["192.0.2.1"], ["127.0.0.1"])
            client = outbound(
                receiver, resolver=names, allow=["192.0.2.1", "127.0.0.1"], timeout_s=0.3
            )

            code = await code_of(client, f"http://rebind.example:{receiver.port}/")

            assert code in (Code.NO_ANSWER_IN_TIME, Code.UNREACHABLE)
            assert (names.asked, receiver.connections) == (1, 0)

    asyncio.run(story())


def test_the_next_address_is_tried_when_one_takes_no_connection() -> None:
    async def story() -> None:
        async with receiving(raw(OK)) as receiver:
            names = Names(["127.0.0.2", "127.0.0.1"])
            client = outbound(receiver, resolver=names, allow=["127.0.0.0/8"])

            answer = await client.send("POST", f"http://two.example:{receiver.port}/", body=b"x")

            assert answer.status == 200
            assert receiver.requests[0].body == b"x"

    asyncio.run(story())


@pytest.mark.parametrize("packing", ["gzip", "x-gzip", "deflate"])
def test_what_was_packed_although_nobody_asked_is_unpacked(packing: str) -> None:
    async def story() -> Answer:
        text = b"text" * 100
        packed = zlib.compress(text) if packing == "deflate" else gzip.compress(text)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {packing}\r\n\r\n".encode()
        async with receiving(raw(head + packed)) as receiver:
            return await outbound(receiver).send("GET", receiver.url)

    assert asyncio.run(story()).body == b"text" * 100


@pytest.mark.fault(41)
def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def story() -> None:
        async with receiving(raw(OK)) as inner:
            head = f"HTTP/1.1 302 Found\r\nLocation: {inner.url}/\r\nContent-Length: 0\r\n\r\n"
            async with receiving(raw(head.encode())) as receiver:
                answer = await outbound(receiver).send("GET", receiver.url)

            assert answer.status == 302
            assert inner.connections == 0

    asyncio.run(story())


def test_tls_and_the_host_keep_the_name_and_check_it(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate of this test")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=hooks.example", "-keyout", str(key)),
            *("-addext", "subjectAltName=DNS:hooks.example", "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    told: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    tls.sni_callback = lambda _socket, name, _context: told.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate))

    async def story() -> None:
        async with receiving(raw(OK), tls=tls) as receiver:
            names = Names(["127.0.0.1"])
            client = outbound(receiver, resolver=names, verify=trusting)
            good = await client.send("GET", f"https://hooks.example:{receiver.port}/")
            assert good.status == 200
            assert receiver.requests[0].headers["host"] == f"hooks.example:{receiver.port}"

            other = f"https://other.example:{receiver.port}/"
            assert await code_of(client, other) is Code.UNREACHABLE
            distrusting = outbound(receiver, resolver=names)
            named = f"https://hooks.example:{receiver.port}/"
            assert await code_of(distrusting, named) is Code.UNREACHABLE
            assert len(receiver.requests) == 1

    asyncio.run(story())
    assert told[:2] == ["hooks.example", "other.example"]


# Where a request may not go.


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
        *(
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fe80::1%25lo]",
            "[fd00::1]",
            "[2001::1]",
        ),
        *("localhost", "LOCALHOST", "localhost."),
    ],
)
@pytest.mark.fault(41)
def test_an_inner_address_is_refused(host: str) -> None:
    assert refused(f"http://{host}/") is Code.ADDRESS_REFUSED


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::ffff:10.0.0.1"], ["8.8.8.8", "169.254.169.254"], ["fe80::1%lo"]],
)
def test_a_name_that_leads_inside_is_refused(addresses: list[str]) -> None:
    names = Names(addresses)

    assert refused("https://inside.example/", resolver=names) is Code.ADDRESS_REFUSED
    assert names.asked == 1


def test_a_host_that_is_allowed_does_not_allow_another() -> None:
    names = Names(["10.0.0.1"])

    assert refused("http://b.example/", resolver=names, allow=["a.example"]) is Code.ADDRESS_REFUSED


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/"),
        *("http://0x7f.0.0.1/", "http://1.2.3.4.5/", "http://[::1", "http://[1.2.3.4]/"),
        *("http://①②⑦.⓪.⓪.①/", "http://a%00b/", "http://a b/"),
        *("http://localhost%2e/", "http:///x", "http://", "http://.../", "/x", "", "example.com"),
        *("ftp://example.com/", "file:///etc/passwd", "gopher://x/", "javascript:x"),
        *("http://user:pass@example.com/", "http://user@example.com/"),
        *("http://example.com\\@127.0.0.1/", "http://127.0.0.1\\@example.com/"),
        *("http://example.com:0/", "http://example.com:99999/", "http://example.com:x/"),
        *("http://example.com/\r\nX: y", "http://example.com/\x00", "http://x/" + "a" * 5000),
    ],
)
def test_a_url_that_is_none_is_refused_before_anybody_is_asked(url: str) -> None:
    names = Names(["127.0.0.1"])

    assert refused(url, resolver=names, allow=["127.0.0.0/8", "localhost"]) is Code.BAD_URL
    assert names.asked == 0


def test_a_port_that_is_not_allowed_is_refused() -> None:
    assert refused("http://example.com:22/") is Code.PORT_REFUSED
    assert refused("http://127.0.0.1:6379/", allow=["127.0.0.1"]) is Code.PORT_REFUSED


def test_a_name_without_an_address_may_have_one_later() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    assert refused("http://a.example/", resolver=nobody) is Code.NAME_UNRESOLVED
    assert refused("http://a.example/", resolver=Names([])) is Code.NAME_UNRESOLVED
    assert refused("http://a.example/", resolver=Names(["nonsense"])) is Code.NAME_UNRESOLVED


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def story() -> None:
        async with receiving(raw(OK)) as receiver:
            assert (await outbound(receiver).send("GET", receiver.url)).status == 200

    asyncio.run(story())


# What a request may not be.


@pytest.mark.parametrize(
    "headers",
    [
        *({"Host": "x"}, {"content-length": "1"}, {"Transfer-Encoding": "chunked"}),
        *({"Connection": "x"}, {"Proxy-Authorization": "x"}, {"Upgrade": "x"}, {"TE": "x"}),
        *({"A b": "x"}, {"": "x"}, {"A:": "x"}, {"A": "x\r\nB: y"}, {"A": "x\ny"}, {"A": " x"}),
        *({"A": "\x00"}, {"A": "ü"}, {"ü": "x"}),
    ],
)
def test_a_header_that_is_none_or_not_the_callers_is_refused(headers: dict[str, str]) -> None:
    client = outbound()

    assert asyncio.run(code_of(client, "http://a.example", headers=headers)) is Code.BAD_HEADER


def test_what_is_sent_is_bounded() -> None:
    client = outbound()
    for given in (
        {"body": b"x" * (REQUEST_BYTES_MAX + 1)},
        {"headers": {f"x-{number}": "" for number in range(65)}},
        {"headers": {"x": "y" * 16_400}},
    ):
        code = asyncio.run(code_of(client, "http://a.example", "POST", **given))
        assert code is Code.REQUEST_TOO_LARGE
    assert asyncio.run(code_of(client, "http://a.example", "get")) is Code.BAD_METHOD
    assert asyncio.run(code_of(client, "http://a.example", "CONNECT")) is Code.BAD_METHOD
