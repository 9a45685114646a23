"""Signatures, checked by the public library that receivers use."""

import time
from base64 import b64encode

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from penstock.builtin.signing import BadSecret, signature, signed_headers, signing_key

OLD = "whsec_" + b64encode(b"o" * 24).decode()
NEW = "whsec_" + b64encode(bytes(range(64))).decode()
BODY = '{"type":"order.paid","data":{"name":"Zoë"}}'.encode()


def headers(*secrets: str, at_s: int | None = None) -> dict[str, str]:
    keys = [signing_key(secret) for secret in secrets]
    return signed_headers(keys, "msg1", int(time.time()) if at_s is None else at_s, BODY)


def test_a_receiver_accepts_what_was_signed() -> None:
    assert Webhook(OLD).verify(BODY, headers(OLD))["data"] == {"name": "Zoë"}


def test_while_a_secret_is_changed_either_receiver_accepts() -> None:
    signed = headers(NEW, OLD)

    assert signed["webhook-signature"].count("v1,") == 2
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(BODY, signed)["type"] == "order.paid"


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg2"},
        {"webhook-timestamp": str(int(time.time()) - 5)},
        {"webhook-signature": "v1," + b64encode(b"x" * 32).decode()},
    ],
)
def test_a_receiver_refuses_what_was_changed(changed: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY, headers(OLD) | changed)


def test_a_receiver_refuses_another_body_an_old_message_and_another_secret() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY + b" ", headers(OLD))
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY, headers(OLD, at_s=int(time.time()) - 3600))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, headers(OLD))


def test_a_signature_is_what_it_always_was() -> None:
    assert signature(b"k" * 24, "msg1", 1_700_000_000, b"{}") == (
        "v1,z2LJq+BkzeLdFZUg4CnmTLfxNoRKFzkvYogkzlhkoZk="
    )


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "begins with whsec_"),
        (OLD.removeprefix("whsec_"), "begins with whsec_"),
        ("whsec_", "this one has 0"),
        ("whsec_" + b64encode(b"x" * 23).decode(), "this one has 23"),
        ("whsec_" + b64encode(b"x" * 65).decode(), "this one has 65"),
        ("whsec_" + b64encode(b"x" * 25).decode().rstrip("="), "not base64"),
        ("whsec_ü" + "A" * 40, "not base64"),
        ("whsk_" + b64encode(b"x" * 32).decode(), "ed25519"),
    ],
)
def test_a_secret_that_is_none_is_refused_without_showing_it(secret: str, said: str) -> None:
    with pytest.raises(BadSecret) as refused:
        signing_key(secret)

    assert said in str(refused.value)
    assert len(secret) < 12 or secret[8:] not in str(refused.value)


def test_an_id_with_a_dot_and_no_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="no dot"):
        signed_headers([b"k" * 24], "a.b", 1, b"")
    with pytest.raises(ValueError, match="0 keys"):
        signed_headers([], "a", 1, b"")
