"""Tenants: what is said of them is known on all partitions, and so is its being taken away."""

from typing import Any

import pytest

from penstock.core.commands.delete_tenant import DeleteTenant
from penstock.core.commands.put_tenant import PutTenant
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.tenants import Tenant
from penstock.core.limits import TEXT_CHARS_MAX
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused


def test_a_tenant_is_put_changed_and_deleted(driver: Driver) -> None:
    first = accepted(driver, PutTenant(name="acme", description="books"))
    assert first.body == {"name": "acme", "version": 1}
    assert accepted(driver, PutTenant(name="acme", description="books")).repeated
    other = accepted(driver, PutTenant(name="acme"), tenant="acme")
    assert other.body == {"name": "acme", "version": 2}
    row = driver.get(Tenant, "acme", tenant=EVERYWHERE)
    assert row is not None and row.description == ""
    accepted(driver, DeleteTenant("acme"))
    assert driver.get(Tenant, "acme", tenant=EVERYWHERE) is None
    refused(driver, DeleteTenant("acme"), "TENANT_UNKNOWN")


def test_a_tenant_that_is_deleted_is_so_on_all_partitions(memory: Driver) -> None:
    """Whoever deletes it: it does not lie with the things of his tenant."""
    accepted(memory, PutTenant(name="acme"))
    assert len(list(memory.everywhere(Tenant, EVERYWHERE))) == memory.topics.partitions
    accepted(memory, DeleteTenant("acme"), tenant="another")
    assert list(memory.everywhere(Tenant, EVERYWHERE)) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        *(({"name": name}, "BAD_NAME") for name in ("", "Acme", "a b", "*", "x" * 41)),
        ({"description": "x" * (TEXT_CHARS_MAX + 1)}, "LIMIT"),
    ],
)
def test_a_tenant_is_refused(memory: Driver, fields: dict[str, Any], code: str) -> None:
    refused(memory, PutTenant(**({"name": "acme"} | fields)), code)
