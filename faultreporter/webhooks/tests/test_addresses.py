"""No spelling of an address leads into our own network."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultreporter.webhooks import addresses
from faultreporter.webhooks.addresses import UnknownHost, UrlRefused, addresses_of, check, is_public, parse
from faultreporter.webhooks.tests.receiver import Receiver
from faultreporter.webhooks.transport import post

PUBLIC = ("8.8.8.8", "1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111")


def answering(*found: str) -> addresses.Resolve:
    return lambda _host, _port: list(found)


@pytest.mark.parametrize("address", PUBLIC)
def test_it_works(address: str) -> None:
    check("https://hooks.example.com/in?key=1", resolve=answering(address))
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        # loopback, in every way to write it
        "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://0x7f000001/",
        "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.1./",
        "https://127.000.000.001/", "https://①②⑦.⓪.⓪.①/", "https://１２７.０.０.１/", "https://127。0。0。1/",
        "https://0/", "https://0.0.0.0/", "https://00000000/", "https://localhost/", "https://LOCALHOST./",
        "https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/", "https://[::1%25lo]/",
        # private, link-local, carrier NAT, metadata, multicast, reserved
        "https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/", "https://0xa9fea9fe/", "https://2852039166/",
        "https://[::ffff:169.254.169.254]/", "https://[fd00:ec2::254]/", "https://[fe80::1]/", "https://[fc00::1]/",
        "https://100.64.0.1/", "https://100.100.100.200/", "https://192.0.0.192/", "https://168.63.129.16/",
        "https://224.0.0.1/", "https://[ff02::1]/", "https://240.0.0.1/", "https://255.255.255.255/",
        "https://192.0.2.1/", "https://198.51.100.1/", "https://203.0.113.1/", "https://198.18.0.1/",
        "https://[2001:db8::1]/", "https://[3fff::1]/",
        # other ways to be led astray
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/",
        "example.com", "", "https://", "https:///path", "https://:443/", "javascript:alert(1)",
        "https://8.8.8.8@127.0.0.1/", "https://user:word@example.com/", "https://@example.com/",
        "https://8.8.8.8:22/", "https://8.8.8.8:25/", "https://8.8.8.8:0/", "https://8.8.8.8:99999/",
        "https://8.8.8.8:port/", "https://8.8.8.8/#part", "https://8.8.8.8\\@127.0.0.1/", "https://8.8.8.8/ x",
        "https://8.8.8.8\n.example.com/", "https://exa mple.com/", "https://example..com/", "https://.example.com/",
        "https://-.example.com/", "https://a" + "a" * 70 + ".com/", "https://8.8.8.8.8/", "https://1.2.3/",
        "https://256.1.1.1/", "https://example.0x10/", "https://[8.8.8.8]/", "https://[v1.x]/", "https://[::1/",
        "https://exam%70le.com/", "https://8.8.8.8/\x00", "https://8.8.8.8/ü", "https://8.8.8.8/" + "a" * 500,
    ],
)  # fmt: skip
def test_what_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused) as refusal:
        check(url)

    assert refusal.value.details[0].field == "url"
    assert refusal.value.message.endswith(".")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://Hooks.Example.COM./in", "hooks.example.com", 443),
        ("https://bücher.example:8443/", "xn--bcher-kva.example", 8443),
        ("HTTPS://[2606:4700::1111]/", "2606:4700::1111", 443),
        ("https://8.8.8.8:1024", "8.8.8.8", 1024),
        ("https://under_score.example.com/", "under_score.example.com", 443),
    ],
)
def test_a_url_in_parts(url: str, host: str, port: int) -> None:
    target = parse(url)

    assert (target.host, target.port) == (host, port)
    assert target.path.startswith("/")


@pytest.mark.parametrize("bad", ["10.0.0.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "169.254.169.254"])
def test_one_private_address_among_public_ones_is_enough(bad: str) -> None:
    with pytest.raises(UrlRefused):
        check("https://hooks.example.com/", resolve=answering("8.8.8.8", bad))


def test_a_name_nobody_knows_is_said_at_the_field() -> None:
    with pytest.raises(UrlRefused, match=r"No address is known for nowhere\.invalid"):
        check("https://nowhere.invalid/")


def test_a_name_that_changes_its_answer_gains_nothing() -> None:
    """DNS rebinding: the first look is public, the second is not. Only one look is taken for a call."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    target = parse("https://rebind.example.com/")

    found = addresses_of(target, resolve=lambda _host, _port: next(answers))

    assert [str(address) for address in found] == ["8.8.8.8"]
    with pytest.raises(UrlRefused):
        post("https://rebind.example.com/", body=b"", headers={}, resolve=lambda _host, _port: next(answers))


def test_the_call_goes_to_the_address_that_was_looked_at(receiver: Receiver) -> None:
    """The name exists nowhere: whoever asked DNS again would find nothing. Host stays the name."""
    port = receiver.url.split(":")[2].split("/")[0]

    answer = post(f"http://hooks.invalid:{port}/hooks", body=b"{}", headers={}, resolve=answering("127.0.0.1"))

    assert answer.status == 204
    assert receiver.received[0].headers["host"] == f"hooks.invalid:{port}"


def test_the_next_address_is_tried_when_one_takes_no_connection(receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]

    answer = post(f"http://hooks.invalid:{port}/", body=b"{}", headers={}, resolve=answering("::1", "127.0.0.1"))

    assert answer.status == 204


def test_a_name_without_addresses_is_unknown() -> None:
    with pytest.raises(UnknownHost):
        addresses_of(parse("https://hooks.example.com/"), resolve=answering())


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_refused(address: object) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not is_public(address)


@given(st.ip_addresses(v=6))
def test_what_python_calls_private_is_refused_in_ipv6(address: object) -> None:
    if not address.is_global or address.is_multicast or address not in ip_network("2000::/3"):
        assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_address_is_never_reached(address: object) -> None:
    for inside in (f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}"):
        assert not is_public(ip_address(inside))
