"""From which addresses a key may be used."""

import pytest

from tollgate.domain.networks import admits, network, origin


@pytest.mark.parametrize(
    ("allowed", "denied", "caller", "admitted"),
    [
        pytest.param((), (), "203.0.113.9", True, id="no lists"),
        pytest.param((), (), "", True, id="no lists and no address"),
        pytest.param(("203.0.113.0/24",), (), "203.0.113.9", True, id="in an allowed network"),
        pytest.param(("203.0.113.0/24",), (), "203.0.114.9", False, id="outside"),
        pytest.param(("10.0.0.0/8", "203.0.113.9"), (), "203.0.113.9", True, id="in the second"),
        pytest.param((), ("203.0.113.0/24",), "203.0.113.9", False, id="denied"),
        pytest.param((), ("203.0.113.0/24",), "203.0.114.9", True, id="not denied"),
        pytest.param(("203.0.113.9",), ("203.0.113.9",), "203.0.113.9", False, id="denial wins"),
        pytest.param(("::/0",), (), "203.0.113.9", False, id="IPv6 lists no IPv4"),
        pytest.param(("::/0",), (), "2001:db8::1", True, id="all of IPv6"),
        pytest.param(("203.0.113.9",), (), "::ffff:203.0.113.9", True, id="IPv4 in IPv6"),
        pytest.param((), ("::ffff:203.0.113.9",), "203.0.113.9", False, id="a mapped denial"),
        pytest.param(("::ffff:0:0/96",), (), "203.0.113.9", True, id="all of IPv4, mapped"),
        pytest.param(("0.0.0.0/0",), (), "unknown", False, id="an address that is none"),
        pytest.param((), ("10.0.0.0/8",), "", False, id="no address where some are denied"),
    ],
)
def test_lists_of_networks(
    allowed: tuple[str, ...], denied: tuple[str, ...], caller: str, admitted: bool
) -> None:
    assert admits(allowed, denied, caller) is admitted


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        pytest.param("192.0.2.7", "192.0.2.7/32", id="one address"),
        pytest.param("192.0.2.0/24", "192.0.2.0/24", id="IPv4"),
        pytest.param("2001:DB8::/32", "2001:db8::/32", id="IPv6"),
        pytest.param("::ffff:192.0.2.0/120", "192.0.2.0/24", id="IPv4 written as IPv6"),
        pytest.param("::ffff:0:0/95", None, id="more than IPv4, written askew"),
        pytest.param("192.0.2.1/24", None, id="bits beyond its length"),
        pytest.param("fe80::1%eth0", None, id="a zone"),
        pytest.param("example.com", None, id="a name"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_what_is_a_network(text: str, normal: str | None) -> None:
    if normal is None:
        with pytest.raises(ValueError, match=r"."):
            network(text)
    else:
        assert str(network(text)) == normal


@pytest.mark.parametrize(
    ("caller", "whose"),
    [
        pytest.param("203.0.113.9", "203.0.113.9", id="IPv4"),
        pytest.param("::ffff:203.0.113.9", "203.0.113.9", id="IPv4 in IPv6"),
        pytest.param("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64", id="a subscriber's network"),
        pytest.param("?", "None", id="none"),
    ],
)
def test_whom_an_address_counts_for(caller: str, whose: str) -> None:
    assert origin(caller) == whose
