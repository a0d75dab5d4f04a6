"""The client's address: the connection's, unless a proxy that is trusted says another."""

from __future__ import annotations

import time

import pytest
import trial
from in_process import AsgiClient

PROXIES = ("10.0.0.0/8", "2001:db8:aaaa::/48")


@pytest.fixture
def address(pb, trial_database):
    """Return the address that the server finds, for a peer and its X-Forwarded-For."""
    entry = trial.wire(pb, trial_database, trusted_proxies=PROXIES)

    async def find(peer, forwarded_for=None, **headers: str):
        if forwarded_for is not None:
            headers["x_forwarded_for"] = forwarded_for
        answer = await AsgiClient(entry, peer=peer)("GET", "/trial/address", **headers)
        assert answer.status == 200
        return answer.body.decode()

    return find


async def test_it_is_the_connections(address):
    assert await address("203.0.113.9") == "203.0.113.9"
    assert await address("2001:db8::9") == "2001:db8::9"
    assert await address("10.0.0.1") == "10.0.0.1"


async def test_what_a_stranger_says_changes_nothing(address):
    lie = "198.51.100.66"
    assert await address("203.0.113.9", lie) == "203.0.113.9"
    assert await address("203.0.113.9", f"{lie}, 10.0.0.1") == "203.0.113.9"
    assert await address("203.0.113.9", ["10.0.0.1", "127.0.0.1"]) == "203.0.113.9"
    # Nor do headers that nobody asked proxies to write.
    for peer in ("203.0.113.9", "10.0.0.1"):
        found = await address(
            peer,
            x_real_ip=lie,
            x_client_ip=lie,
            true_client_ip=lie,
            cf_connecting_ip=lie,
            x_envoy_external_address=lie,
            forwarded=f"for={lie}",
        )
        assert found == peer


async def test_of_what_proxies_say_the_last_that_is_no_proxy_counts(address):
    proxy = "10.0.0.1"
    assert await address(proxy, "203.0.113.9") == "203.0.113.9"
    # The client's own word is further left: the proxy has added where it came from.
    assert await address(proxy, "198.51.100.66, 203.0.113.9") == "203.0.113.9"
    assert await address(proxy, "10.0.0.99, 203.0.113.9") == "203.0.113.9"
    # Two proxies, one of them over IPv6.
    chain = "198.51.100.66, 203.0.113.9, 2001:db8:aaaa::5, 10.9.9.9"
    assert await address(proxy, chain) == "203.0.113.9"
    assert await address("2001:db8:aaaa::7", chain) == "203.0.113.9"
    # A request of a proxy's own.
    assert await address(proxy, "10.2.2.2, 10.3.3.3") == "10.2.2.2"


async def test_a_header_that_comes_twice_is_one_list(address):
    assert await address("10.0.0.1", ["198.51.100.66", "203.0.113.9"]) == "203.0.113.9"
    assert await address("10.0.0.1", ["203.0.113.9", "10.9.9.9"]) == "203.0.113.9"


async def test_what_is_no_address_ends_the_walk(address):
    proxy = "10.0.0.1"
    for nonsense in (
        *("", " ", ",", "unknown", "_hidden", "localhost", "1.2.3", "256.1.1.1", "010.1.1.1"),
        *(
            "1.2.3.4:",
            "1.2.3.4:x",
            "1.2.3.4 5",
            "[1.2.3.4]",
            "[::1",
            "[::1]x",
            "::1::",
            "\xb2.1.1.1",
        ),
        *("1.2.3.4/8", "1.2.3.4\t6", "1.2.3.4%eth0", "0x7f.1", "2130706433", "x" * 9000),
    ):
        assert await address(proxy, nonsense) == proxy, nonsense
        assert await address(proxy, f"203.0.113.9, {nonsense}") == proxy, nonsense
        assert await address(proxy, f"203.0.113.9, {nonsense}, 10.9.9.9") == "10.9.9.9", nonsense


async def test_an_address_may_come_with_brackets_a_port_a_zone(address):
    for said, found in {
        "203.0.113.9:51234": "203.0.113.9",
        "[2001:db8::9]": "2001:db8::9",
        "[2001:db8::9]:443": "2001:db8::9",
        "2001:DB8:0:0::9": "2001:db8::9",
        "fe80::9%eth0": "fe80::9",
        " \t203.0.113.9 ": "203.0.113.9",
    }.items():
        assert await address("10.0.0.1", said) == found


async def test_an_ipv4_address_in_ipv6_is_the_ipv4_address(address):
    assert await address("::ffff:203.0.113.9") == "203.0.113.9"
    assert await address("::ffff:10.0.0.1", "203.0.113.9") == "203.0.113.9"
    assert await address("10.0.0.1", "::ffff:cb00:7109") == "203.0.113.9"
    assert await address("10.0.0.1", "203.0.113.9, [::ffff:10.9.9.9]:80") == "203.0.113.9"


async def test_a_connection_without_an_address_has_none(address):
    """As one from a Unix socket: nothing that it says counts either."""
    assert await address("", "203.0.113.9") == ""
    assert await address("/run/x.sock", "203.0.113.9") == ""


async def test_an_endless_chain_costs_next_to_nothing(address):
    chain = ",".join(f"10.0.{n >> 8}.{n & 255}:{n}" for n in range(2000))
    began = time.thread_time()
    found = await address("10.0.0.1", chain)
    assert time.thread_time() - began < 0.5
    assert found == "10.0.7.178"  # the thirtieth from the end
