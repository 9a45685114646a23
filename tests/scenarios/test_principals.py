"""Principals and their keys: rows of the cluster, decided on partition 0 and known on all."""

from typing import Any

import pytest

from penstock.core.commands.delete_principal import DeletePrincipal
from penstock.core.commands.put_api_key import PutApiKey
from penstock.core.commands.put_principal import PutPrincipal
from penstock.core.commands.revoke_api_key import RevokeApiKey
from penstock.core.definitions.principals import (
    EVERYWHERE,
    Action,
    ApiKey,
    Grant,
    Principal,
    Resource,
    hash_of_key,
    may,
    may_some,
    opens,
)
from penstock.core.limits import GRANT_NAMES_MAX, GRANTS_MAX, TEXT_CHARS_MAX
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused

SALT = "s" * 24
RUNS = Grant(("acme",), (Resource.WORKFLOW,), (Action.RUN,), ("order-*", "report"))
KEY = PutApiKey(key_id="key12345", owner="ci", salt=SALT, key_hash=hash_of_key(SALT, "secret"))


def principal(driver: Driver, name: str = "ci") -> Principal | None:
    return driver.get(Principal, name, tenant=EVERYWHERE)


def key(driver: Driver, key_id: str = KEY.key_id) -> ApiKey | None:
    return driver.get(ApiKey, key_id, tenant=EVERYWHERE)


def test_a_principal_is_put_and_changed(driver: Driver) -> None:
    """What is not granted any more is taken away; the same again is a repeat."""
    first = accepted(driver, PutPrincipal(name="ci", grants=(RUNS,)))
    assert first.body == {"name": "ci", "version": 1}
    again = accepted(driver, PutPrincipal(name="ci", grants=(RUNS,)))
    assert (again.body, again.repeated) == (first.body, True)
    made = principal(driver)
    assert made is not None and made.grants == (RUNS,)
    other = accepted(driver, PutPrincipal(name="ci", description="nothing"), tenant="acme")
    assert other.body == {"name": "ci", "version": 2}
    now = principal(driver)
    assert now is not None and now.grants == ()
    assert (now.born, now.created_ms) == (made.born, made.created_ms)


def test_a_deleted_principal_leaves_a_row_that_allows_nothing(driver: Driver) -> None:
    """One that is made under its name is another, to whom the old keys are of no use."""
    accepted(driver, PutPrincipal(name="ci", grants=(RUNS,)))
    accepted(driver, KEY)
    accepted(driver, DeletePrincipal("ci"))
    gone = principal(driver)
    assert gone is not None and gone.grants == () and gone.deleted_ms is not None
    refused(driver, DeletePrincipal("ci"), "PRINCIPAL_UNKNOWN")
    refused(driver, PutApiKey("key67890", "ci", SALT, "0" * 64), "PRINCIPAL_UNKNOWN")
    again = accepted(driver, PutPrincipal(name="ci", grants=(RUNS,)))
    assert again.body == {"name": "ci", "version": 3}
    now, old = principal(driver), key(driver)
    assert now is not None and old is not None
    assert now.born != old.born == gone.born


def test_all_partitions_know_it(memory: Driver) -> None:
    accepted(memory, PutPrincipal(name="ci", grants=(RUNS,)))
    accepted(memory, KEY)
    for number in range(memory.topics.partitions):
        view = memory.processor.view(number)
        assert view is not None
        for kind, name in ((Principal, "ci"), (ApiKey, KEY.key_id)):
            assert view.get(kind, kind.key(EVERYWHERE, name)) is not None


def test_a_key_is_put_once_and_revoked(driver: Driver) -> None:
    accepted(driver, PutPrincipal(name="ci"))
    first = accepted(driver, KEY)
    assert accepted(driver, KEY).repeated
    assert first.body == {"key_id": KEY.key_id, "owner": "ci"}
    other = PutApiKey(KEY.key_id, "ci", SALT, "1" * 64)
    refused(driver, other, "ALREADY_EXISTS")
    assert not accepted(driver, RevokeApiKey(KEY.key_id)).repeated
    assert accepted(driver, RevokeApiKey(KEY.key_id)).repeated
    revoked = key(driver)
    assert revoked is not None and revoked.revoked_ms is not None
    refused(driver, KEY, "ALREADY_EXISTS")
    refused(driver, RevokeApiKey("nobodys1"), "API_KEY_UNKNOWN")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        *((PutPrincipal(name=name), "BAD_NAME") for name in ("", "a b", "é", "-x", "x" * 129)),
        *(
            (PutPrincipal(name=name), "BAD_NAME")
            for name in ("engine", "anonymous", "admin", "webhook")
        ),
        (PutPrincipal(name="p", description="x" * (TEXT_CHARS_MAX + 1)), "LIMIT"),
        (PutPrincipal(name="p", grants=(RUNS,) * (GRANTS_MAX + 1)), "LIMIT"),
    ],
)
def test_a_principal_is_refused(memory: Driver, command: PutPrincipal, code: str) -> None:
    refused(memory, command, code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"tenants": ()}, "BAD_VALUE"),
        ({"resources": ()}, "BAD_VALUE"),
        ({"actions": ()}, "BAD_VALUE"),
        ({"tenants": ("Acme",)}, "BAD_VALUE"),
        ({"tenants": ("acme*",)}, "BAD_VALUE"),
        ({"names": ("or der",)}, "BAD_VALUE"),
        ({"names": ("*order",)}, "BAD_VALUE"),
        ({"names": ("",)}, "BAD_VALUE"),
        ({"resources": (Resource.PRINCIPAL,)}, "BAD_VALUE"),
        ({"resources": (Resource.CLUSTER, Resource.TASK)}, "BAD_VALUE"),
        ({"names": ("x",) * (GRANT_NAMES_MAX + 1)}, "LIMIT"),
        ({"tenants": ("x",) * (GRANT_NAMES_MAX + 1)}, "LIMIT"),
    ],
)
def test_a_grant_that_could_allow_nothing_is_refused(
    memory: Driver, changed: dict[str, Any], code: str
) -> None:
    given: dict[str, Any] = {name: getattr(RUNS, name) for name in RUNS.__struct_fields__}
    answer = refused(memory, PutPrincipal(name="p", grants=(RUNS, Grant(**given | changed))), code)
    assert "grants[1]" in answer.message


def test_a_key_is_refused(memory: Driver) -> None:
    accepted(memory, PutPrincipal(name="ci"))
    good: dict[str, Any] = {name: getattr(KEY, name) for name in KEY.__struct_fields__}
    for changed, code in (
        ({"key_id": "short"}, "BAD_ID"),
        ({"key_id": "with_underscore"}, "BAD_ID"),
        ({"owner": "nobody"}, "PRINCIPAL_UNKNOWN"),
        ({"salt": "short"}, "BAD_VALUE"),
        ({"key_hash": "F" * 64}, "BAD_VALUE"),
        ({"expires_at_ms": 0}, "BAD_VALUE"),
        ({"description": "x" * (TEXT_CHARS_MAX + 1)}, "LIMIT"),
    ):
        refused(memory, PutApiKey(**good | changed), code)


def test_a_key_opens_with_its_secret_alone(memory: Driver) -> None:
    accepted(memory, PutPrincipal(name="ci"))
    accepted(memory, KEY)
    row = key(memory)
    assert opens(row, "secret")
    assert not opens(row, "Secret")
    assert not opens(None, "secret")


ANY = (Resource.ALL_RESOURCES,), (Action.ALL_ACTIONS,)


@pytest.mark.parametrize(
    ("grant", "wanted", "allowed"),
    [
        (RUNS, (Action.RUN, Resource.WORKFLOW, "acme", "order-7"), True),
        (RUNS, (Action.RUN, Resource.WORKFLOW, "acme", "report"), True),
        (RUNS, (Action.RUN, Resource.WORKFLOW, "acme", "reports"), False),
        (RUNS, (Action.RUN, Resource.WORKFLOW, "acme", None), False),
        (RUNS, (Action.RUN, Resource.WORKFLOW, "other", "report"), False),
        (RUNS, (Action.READ, Resource.WORKFLOW, "acme", "report"), False),
        (RUNS, (Action.RUN, Resource.TASK, "acme", "report"), False),
        (Grant(("acme",), *ANY), (Action.READ, Resource.TASK, "acme", None), True),
        (Grant(("acme",), *ANY), (Action.READ, Resource.CLUSTER, "acme", None), False),
        (Grant(("*",), *ANY), (Action.READ, Resource.CLUSTER, "acme", None), True),
        (Grant(("*",), *ANY), (Action.RUN, Resource.WORKFLOW, "any", "x"), True),
    ],
)
def test_what_a_grant_allows(grant: Grant, wanted: Any, allowed: bool) -> None:
    """Names and beginnings of names count; None asks for all."""
    assert may((grant,), *wanted) is allowed
    assert may((), *wanted) is False
    assert may_some((grant,), *wanted[:3]) or not allowed
