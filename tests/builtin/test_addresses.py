"""Which addresses a request may go to."""

from ipaddress import ip_address

import pytest

from penstock.builtin.addresses import address_of, allowed_of, is_host_name, kind_refused

REFUSED = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe ::ffff:0:127.0.0.1
64:ff9b::127.0.0.1 64:ff9b::10.1.2.3 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1
2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 2001:20::1 2001:1ff:ffff::1
2001:db8::1 2002:7f00:1::1 2002:808:808::1 3fff::1 3fff:fff::1 5f00::1
fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 2a00::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1
"""

REACHED = """
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 223.255.255.255
::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:200::1 2001:4860:4860::8888 2606:4700::1111 2a00:1450::1
"""


@pytest.mark.parametrize("text", REFUSED.split())
def test_not_everybody_can_reach(text: str) -> None:
    assert kind_refused(ip_address(text)) is not None


@pytest.mark.parametrize("text", REACHED.split())
def test_everybody_can_reach(text: str) -> None:
    assert kind_refused(ip_address(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        *("127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.0.0.01"),
        *("1.2.3.4.5", "256.1.1.1", "a.0x7f", "a.1", "", ".", "a..b", "-a", "a-", "a b", "a%2e"),
        *("a/b", "Ab", "ä", "a" * 254, "[::1]", "a:1", "a\x00"),
    ],
)
def test_this_is_neither_a_name_nor_an_address(text: str) -> None:
    assert not is_host_name(text)
    assert address_of(text) is None


@pytest.mark.parametrize("text", ["localhost", "a", "a.b", "my_host.x-y.z9", "1a.de", "xn--mnchen"])
def test_this_is_a_name(text: str) -> None:
    assert is_host_name(text)


def test_the_operator_allows_hosts_addresses_and_networks() -> None:
    allowed = allowed_of(["Hooks.Internal.", " 10.1.0.0/16", "fd00::/8", "127.0.0.1"])

    assert allowed.covers("hooks.internal", ip_address("192.168.0.9"))
    assert allowed.covers("other", ip_address("10.1.2.3"))
    assert allowed.covers("other", ip_address("::ffff:10.1.2.3"))
    assert allowed.covers("other", ip_address("fd12::1"))
    assert allowed.covers("other", ip_address("127.0.0.1"))
    assert not allowed.covers("other", ip_address("10.2.0.1"))
    assert not allowed.covers("x.hooks.internal", ip_address("127.0.0.2"))


@pytest.mark.parametrize("entry", ["10.1.0.1/16", "10.0.0.0/33", "*.internal", "a/b", "127.1", ""])
def test_an_entry_that_allows_nothing_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a host name nor"):
        allowed_of([entry])
