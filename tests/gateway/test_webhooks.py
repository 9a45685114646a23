"""Webhooks over HTTP: defined without their key ever being seen again, and posted to, also by those
who mean no good.
"""

from __future__ import annotations

import base64
import json
import logging
import socket
from typing import Any

import httpx
import pytest

from penstock.core.definitions.webhooks import key_hash
from tests.controls import chain, declared
from tests.gateway.served import Served, shape_of_error

KEY = "Key-of-the-wh-hook_1"
HOOK = {"name": "wh-hook", "wf_spec": "wh-job", "key": KEY}
URL = f"/v1/webhooks/wh-hook/{KEY}"
FORM = "application/x-www-form-urlencoded"
UNKNOWN = "there is no such webhook, or its key is another"


@pytest.fixture(scope="module", autouse=True)
def hook(served: Served) -> None:
    """A spec that ends at once, and its webhook."""
    variables = (declared("trigger", "JSON_OBJ"), declared("n", "INT"))
    spec = {"name": "wh-job", "spec": chain(variables=variables)}
    served.good("PUT", "/v1/wf-specs?wait=all", spec)
    inputs = {"n": "{{ trigger.body.n ?? null }}"}
    body = HOOK | {"inputs": inputs, "headers": ["x-event"]}
    assert served.good("PUT", "/v1/webhooks?wait=all", body)["name"] == "wh-hook"


def post(served: Served, body: Any = b"", method: str = "POST", **headers: str) -> httpx.Response:
    """A request as others make it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given: dict[str, Any] = {"json": body} if not isinstance(body, bytes) else {"content": body}
    return served.http.request(method, URL, headers=named, **given)


def told(served: Served, answer: httpx.Response) -> Any:
    """What the run that was started is told."""
    assert answer.status_code == 201, answer.text
    wf_run_id = answer.json()["wf_run_id"]
    shown = served.good("GET", f"/v1/wf-runs/{wf_run_id}/variables")
    return next(one["value"] for one in shown["items"] if one["name"] == "trigger")


def test_a_webhook_is_put_read_changed_and_deleted(served: Served) -> None:
    """Its key is nowhere, whatever is read."""
    body = HOOK | {"name": "wh-own", "labels": {"a": "b"}, "description": "ours"}
    assert not served.good("PUT", "/v1/webhooks", body)["repeated"]
    hashed = {name: value for name, value in body.items() if name != "key"}
    hashed["key_hash"] = key_hash("wh-own", KEY)
    assert served.good("PUT", "/v1/webhooks", hashed)["repeated"]
    served.good("PUT", "/v1/webhooks?wait=all", body | {"inputs": {"n": 1}})
    shown = served.good("GET", "/v1/webhooks/wh-own")
    assert shown.pop("created_at") <= shown.pop("updated_at")
    assert shown == {
        "name": "wh-own",
        "version": 2,
        "wf_spec": "wh-job",
        "has_key": True,
        "inputs": {"n": 1},
        "headers": [],
        "labels": {"a": "b"},
        "trigger": "wh-own",
        "description": "ours",
    }
    listed = served.good("GET", "/v1/webhooks")
    assert {"wh-own", "wh-hook"} <= {one["name"] for one in listed["items"]}
    assert KEY not in json.dumps(listed) and hashed["key_hash"] not in json.dumps(listed)
    served.good("DELETE", "/v1/webhooks/wh-own")
    unknown = (404, "WEBHOOK_UNKNOWN")
    assert served.refused("GET", "/v1/webhooks/wh-own")[:2] == unknown
    assert served.refused("DELETE", "/v1/webhooks/wh-own")[:2] == unknown
    assert served.refused("POST", f"/v1/webhooks/wh-own/{KEY}")[:2] == unknown


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"key": "short"}, "BAD_VALUE"),
        ({"key": "with/slash-and-more-text"}, "BAD_VALUE"),
        ({"key": "x" * 129}, "BAD_VALUE"),
        ({"key": None}, "BAD_REQUEST"),
        ({"key_hash": "0" * 64}, "BAD_REQUEST"),
        ({"key": None, "key_hash": "0"}, "BAD_VALUE"),
        ({"colour": "red"}, "BAD_REQUEST"),
        ({"headers": ["Cookie"]}, "BAD_VALUE"),
        ({"headers": "x-event"}, "BAD_REQUEST"),
        ({"inputs": {"n": "{{"}}, "BAD_VALUE"),
        ({"name": "wh-new", "wf_spec": "wh-nobody"}, "SPEC_UNKNOWN"),
        ({"name": "wh/x"}, "BAD_NAME"),
        ({"name": "wh-\x00"}, "BAD_REQUEST"),
    ],
)
def test_a_wrong_webhook_is_refused(served: Served, changed: Any, code: str) -> None:
    status, found, message = served.refused("PUT", "/v1/webhooks", HOOK | changed)
    assert (found, status) == (code, 404 if code == "SPEC_UNKNOWN" else 400)
    assert changed.get("key") is None or changed["key"] not in message


def test_a_request_starts_a_run_and_is_told(served: Served) -> None:
    """Of headers only those that may be told; each with all its values, and so are parameters."""
    headers = {"x-event": "made", "authorization": "Bearer s3cret", "cookie": "s3cret"}
    answer = served.http.post(f"{URL}?a=1&a=2&b=%C3%A9&c", json={"n": 3}, headers=headers)
    shown = told(served, answer)
    assert shown == {
        "id": "wh-hook",
        "type": "webhook",
        "body": {"n": 3},
        "headers": {"content-type": ["application/json"], "x-event": ["made"]},
        "parameters": {"a": ["1", "2"], "b": ["é"], "c": [""]},
    }
    assert answer.headers["Penstock-Position"] == answer.json()["position"]
    assert answer.json()["wf_spec"] == "wh-job"


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_methods_that_start_a_run(served: Served, method: str) -> None:
    assert told(served, post(served, method=method))["body"] is None


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "PATCH", "OPTIONS"])
def test_methods_that_start_none(served: Served, method: str) -> None:
    answer = post(served, method=method)
    assert answer.status_code == 405
    assert KEY not in answer.text


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b'{"n": 1}', {"n": 1}),
        ("application/vnd.more+json; charset=utf-8", b'{"n":null}', {"n": None}),
        ("APPLICATION/JSON", b"7", 7),
        ("application/json", b" \n", None),
        (
            FORM,
            b"a=1&a=2&b=x+y%21",
            {"a": ["1", "2"], "b": ["x y!"]},
        ),
        ("text/plain", "héllo\n".encode(), "héllo\n"),
        ("application/xml", b"<a/>", "<a/>"),
        ("", b"x", "x"),
    ],
)
def test_bodies_of_their_types(served: Served, kind: str, body: bytes, expected: Any) -> None:
    headers = {"content_type": kind} if kind else {}
    answer = post(served, body, **headers)
    assert told(served, answer)["body"] == expected


@pytest.mark.parametrize("name", ["webhook-id", "Idempotency-Key"])
def test_the_same_request_starts_one_run(served: Served, name: str) -> None:
    """Also at once, and whatever differs that no run is told of."""
    header = {name: f"id of {name}".replace(" ", "-")}
    signed = {"webhook-timestamp": "1", "webhook-signature": "v1,x"}
    first = served.http.post(URL, json={"n": 1}, headers=header | signed)
    again = served.http.post(URL, json={"n": 1}, headers=header | {"webhook-timestamp": "2"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["wf_run_id"] == first.json()["wf_run_id"]
    assert again.json()["repeated"]
    other = served.http.post(URL, json={"n": 2}, headers=header)
    assert shape_of_error(other)[:2] == (409, "ALREADY_EXISTS")
    free = served.http.post(URL, json={"n": 1})
    assert free.json()["wf_run_id"] != first.json()["wf_run_id"]


def test_an_id_is_a_webhooks_own(served: Served) -> None:
    """And a tenant's: one that another has used starts a run here."""
    served.good("PUT", "/v1/webhooks?wait=all", HOOK | {"name": "wh-second"})
    header = {"webhook-id": "shared"}
    first = served.http.post(URL, headers=header)
    second = served.http.post(URL.replace("wh-hook", "wh-second", 1), headers=header)
    assert first.json()["wf_run_id"] != second.json()["wf_run_id"]
    theirs = served.http.post(URL, headers={"Penstock-Tenant": "other"})
    assert shape_of_error(theirs)[:2] == (404, "WEBHOOK_UNKNOWN")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("wh-hook", "another-key-that-is-long"),
        ("wh-hook", KEY.lower()),
        ("wh-hook", KEY + "%00"),
        ("wh-hook", "x" * 20_000),
        ("wh-hook", "%ff%fe"),
        ("wh-hook", key_hash("wh-hook", KEY)),
        ("wh-nobody", KEY),
        ("wh-nobody", "x"),
        ("wh-hook%00", KEY),
        ("%2e%2e", KEY),
        ("wh-hook%2f..", KEY),
        ("WH-HOOK", KEY),
        ("%F0%9F%92%A9", KEY),
    ],
)
def test_a_wrong_key_and_no_webhook_are_told_the_same(served: Served, name: str, key: str) -> None:
    """To the byte, before the body is looked at, and without a word of the key."""
    path = f"{served.url}/v1/webhooks/{name}/{key}".encode()
    url = httpx.URL(served.url).copy_with(raw_path=path.removeprefix(served.url.encode()))
    answer = served.http.send(served.http.build_request("POST", url, content=b"{" * 100))
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert key not in answer.text and KEY not in answer.text
    if error["code"] == "NOT_FOUND":  # the path is none of ours any more
        assert error["message"] == "there is no route /v1/webhooks/..."
    else:
        assert error == {"code": "WEBHOOK_UNKNOWN", "message": UNKNOWN}


@pytest.mark.parametrize("rest", ["/more", "%2fmore", "/", "?x=1#y"])
def test_a_path_with_more_does_not_tell_the_key(served: Served, rest: str) -> None:
    answer = served.http.patch(URL + rest)
    assert answer.status_code in (404, 405)
    assert KEY not in answer.text


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"x" * 300_000, {}, 413, "TOO_LARGE"),
        (b"[" * 200_000, {"content_type": "application/json"}, 400, "BAD_JSON"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, {"content_type": "text/json"}, 400, "BAD_JSON"),
        (b"[" * 63 + b"]" * 63, {"content_type": "text/json"}, 400, "BAD_VALUE"),
        (b'{"a": 1, "a": 2}', {"content_type": "application/json"}, 400, "BAD_JSON"),
        (b'{"a": 1e999}', {"content_type": "application/json"}, 400, "BAD_JSON"),
        (b'{"n": "one"}', {"content_type": "application/json"}, 400, "BAD_VALUE"),
        (b'"\\ud800"', {"content_type": "application/json"}, 400, "BAD_JSON"),
        (b"\xff", {"content_type": "application/json"}, 400, "BAD_JSON"),
        (b"a\0b", {"content_type": "text/plain"}, 400, "BAD_REQUEST"),
        (b"\xff", {"content_type": "text/plain"}, 400, "BAD_REQUEST"),
        (b"a=%ff", {"content_type": FORM}, 400, "BAD_REQUEST"),
        (b"&a" * 2_000, {"content_type": FORM}, 413, "TOO_LARGE"),
        (b"x", {"content_type": "multipart/form-data; boundary=x"}, 415, "BAD_MEDIA_TYPE"),
        (b"x", {"content_type": "application/octet-stream"}, 415, "BAD_MEDIA_TYPE"),
        (b"x", {"content_type": "nonsense"}, 415, "BAD_MEDIA_TYPE"),
        (b"x", {"content_type": "text/plain; charset=utf-16"}, 415, "BAD_MEDIA_TYPE"),
        (b"x", {"content_encoding": "gzip"}, 415, "BAD_MEDIA_TYPE"),
        (b"", {"webhook_id": "with a blank"}, 400, "BAD_ID"),
        (b"", {"idempotency_key": "x" * 257}, 400, "BAD_ID"),
        (b"", {"idempotency_key": ""}, 400, "BAD_ID"),
        (b"", {"x_event": "x" * 1_025}, 413, "TOO_LARGE"),
        (b"[" + b"0.1," * 40_000 + b"1]", {"content_type": "text/json"}, 400, "BAD_VALUE"),
    ],
)
def test_hostile_requests_are_refused(
    served: Served, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = post(served, body, **headers)
    assert shape_of_error(answer)[:2] == (status, code)
    assert KEY not in answer.text


def test_parameters_are_bounded(served: Served) -> None:
    for query, status in (("a=" + "x" * 8_200, 413), ("a=%ff", 400), ("&a" * 1_001, 413)):
        assert served.http.post(f"{URL}?{query}").status_code == status
    assert told(served, served.http.post(f"{URL}?a=%00"))["parameters"] == {"a": ["\x00"]}


def test_a_spec_that_has_gone_is_told_at_once(served: Served) -> None:
    """And a webhook can be posted to as soon as it is put, on whatever partition its run is."""
    served.good("PUT", "/v1/wf-specs", {"name": "wh-gone", "spec": chain()})
    served.good("PUT", "/v1/webhooks", HOOK | {"name": "wh-gone", "wf_spec": "wh-gone"})
    address = f"/v1/webhooks/wh-gone/{KEY}"
    for number in range(8):
        answer = served.http.post(address, headers={"webhook-id": f"id-{number}"})
        assert answer.status_code == 201, answer.text
    served.good("DELETE", "/v1/wf-specs/wh-gone?version=1")
    assert served.refused("POST", address)[:2] == (404, "SPEC_UNKNOWN")
    again = served.http.post(address, headers={"webhook-id": "id-1"})
    assert (again.status_code, again.json()["repeated"]) == (200, True)


def test_a_nul_in_a_header_ends_the_connection(served: Served) -> None:
    """No run is started by it, and the next request is served."""
    host, port = httpx.URL(served.url).host, httpx.URL(served.url).port
    with socket.create_connection((host, port), timeout=10) as wire:
        head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nx-event: a\0b\r\nContent-Length: 0\r\n\r\n"
        wire.sendall(head.encode())
        assert wire.recv(4_096).startswith(b"HTTP/1.1 400")
    assert post(served).status_code == 201


def test_no_log_and_no_record_has_the_key(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """The log of commands would keep it for ever."""
    with caplog.at_level(logging.DEBUG):
        served.good("PUT", "/v1/webhooks?wait=all", HOOK | {"name": "wh-quiet"})
        served.http.post(f"/v1/webhooks/wh-quiet/{KEY}")
        served.http.post(f"/v1/webhooks/wh-quiet/{KEY}", content=b"\xff")
    ours = [one for one in caplog.records if not one.name.startswith("http")]
    assert [one for one in ours if KEY in one.getMessage()] == []
    log, topics = served.made.log, served.made.topics
    for number in range(topics.partitions):
        for record in log.read_all(topics.commands, number):
            assert KEY.encode() not in (record.value or b"") + (record.key or b"")
            assert base64.b64encode(KEY.encode()) not in (record.value or b"")
