"""Personal data in free text is found wherever it stands, in any text, in bounded time."""

import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.catalog.catalog_pb2 import ADDRESS, HOST, USER
from whetstone.privacy.text import Own, Texts

NAMES = {ADDRESS: "A", USER: "U", HOST: "H"}


def marked(
    text: str, users: Sequence[str] = (), hosts: Sequence[str] = (), kinds: Sequence[int] = ()
) -> str:
    """The text with what was found in brackets."""
    # Neighbours, so that what is found cannot come from, or reach into, another text.
    column = [f"x{text[:1]}", text, f"{text[-1:]}1"]
    own = [
        Own(kind, [None, value, None])
        for kind, values in ((USER, users), (HOST, hosts))
        for value in values
    ]
    texts = Texts(pa.array(column))
    found = texts.find(kinds or NAMES, own)
    by = {(f.kind, f.value): f"{NAMES[f.kind]}<{f.value}>" for f in found}
    return texts.replaced(found, by)[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 10.1.2.3 port 22", "from A<10.1.2.3> port 22"),
        ("10.1.2.3", "A<10.1.2.3>"),
        ("rhost=10.1.2.3,[10.1.2.4]:22", "rhost=A<10.1.2.3>,[A<10.1.2.4>]:22"),
        ("10.1.2.3:22->10.1.2.4:53/udp", "A<10.1.2.3>:22->A<10.1.2.4>:53/udp"),
        ("IP 10.1.2.3.443 > 10.1.2.4.5:", "IP A<10.1.2.3>.443 > A<10.1.2.4>.5:"),
        ("net 10.1.2.0/24.", "net A<10.1.2.0>/24."),
        ("at 12:30:45 10.1.2.3.", "at 12:30:45 A<10.1.2.3>."),
        ("http://10.1.2.3/a?b=10.1.2.4#c", "http://A<10.1.2.3>/a?b=A<10.1.2.4>#c"),
        ("host10.1.2.3x", "host" + "A<10.1.2.3>x"),
        ("10.1.2 256.1.1.1 1.2.3.456", "10.1.2 256.1.1.1 1.2.3.456"),
        ("on :: port 22", "on A<::> port 22"),
        ("[2001:db8::1]:443", "[A<2001:db8::1>]:443"),
        ("fe80::1: unreachable", "A<fe80::1>: unreachable"),
        ("addr:2001:db8::1%eth0", "addr:A<2001:db8::1>%eth0"),
        ("from 2001:db8::1.", "from A<2001:db8::1>."),
        ("2001:db8::1.443 > ::1.53", "A<2001:db8::1>.443 > A<::1>.53"),
        ("2001:db8:0:0:0:0:0:1:443", "A<2001:db8:0:0:0:0:0:1>:443"),
        ("2001:db8::1...2001:db8::2", "A<2001:db8::1>...A<2001:db8::2>"),
        ("::ffff:10.1.2.3 said", "A<::ffff:10.1.2.3> said"),
        ("std::bad_alloc Foo::Bar a::b()", "std::bad_alloc Foo::Bar A<a::b>()"),
        ("x2001:db8::1", "xA<2001:db8::1>"),
        ("00:11:22:33:44:55 12:30:45", "00:11:22:33:44:55 12:30:45"),
        ("mail ana@example.org.", "mail U<ana@example.org>."),
        ("<ana.b+c@mx.example.org>", "<U<ana.b+c@mx.example.org>>"),
        ("to=ana%40example.org&x", "to=U<ana@example.org>&x"),
        ("ssh ana@gate and müller@exämple.org", "ssh U<ana@gate> and U<müller@exämple.org>"),
        ("ssh root@10.1.2.3", "ssh U<root>@A<10.1.2.3>"),
        ("a @ b, @ana, ana@", "a @ b, @ana, ana@"),
    ],
)
def test_addresses_and_emails_are_found(text: str, expected: str) -> None:
    assert marked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ana's /home/ana user=ana, (ana)", "U<ana>'s /home/U<ana> user=U<ana>, (U<ana>)"),
        ("banana ana1 ana_b analysis", "banana ana1 ana_b analysis"),
        ("Ana ANA", "U<ana> U<ana>"),
        ("“ana” ana", "“U<ana>” U<ana>"),
        ("anaé éana", "anaé éana"),
        ("ana@example.org", "U<ana@example.org>"),
    ],
)
def test_a_records_own_user_is_found_as_a_whole_word(text: str, expected: str) -> None:
    assert marked(text, ["ana"]) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (r"CORP\ana", r'{"user": "CORP\\ana"}'),
        ('a"b', r"say a\"b"),
        ("zoë", r"{zo\u00eb}"),
        ("zoë", "zoë!"),
        ("web-1.corp", "at WEB-1.corp:"),
        ("svc$", "svc$ did"),
    ],
)
def test_an_own_value_is_found_as_json_writes_it_too(value: str, text: str) -> None:
    assert f"U<{value}>" in marked(text, [value])


def test_a_value_that_is_no_word_is_not_looked_for() -> None:
    assert marked("- ? -", ["-"]) == "- ? -"
    assert marked("", [""]) == ""


def test_of_what_overlaps_all_is_replaced_by_the_first_and_longest() -> None:
    assert marked("ana@example.org", ["ana"], ["example.org"]) == "U<ana@example.org>"
    assert marked("gate.ana x", ["ana x"], ["gate.ana"]) == "H<gate.ana>"


def test_kinds_that_are_kept_are_not_looked_for() -> None:
    text = "ana@example.org 10.1.2.3 gate"
    assert marked(text, kinds=[ADDRESS]) == "ana@example.org A<10.1.2.3> gate"
    assert marked(text, hosts=["gate"], kinds=[HOST]) == "ana@example.org 10.1.2.3 H<gate>"


PIECES = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda n: str(IPv4Address(n))),
    st.integers(0, 2**128 - 1).map(lambda n: str(IPv6Address(n))),
    st.sampled_from(["ana@example.org", "ana", "::", ":", ".", "@", "%40", "1.2.3.", "a:b"]),
    st.text(max_size=5),
)


@given(st.lists(PIECES).map("".join), st.lists(PIECES).map("".join))
def test_all_that_is_not_found_stays_byte_for_byte(first: str, second: str) -> None:
    texts = Texts(pa.array([first, None, second]))
    found = texts.find(NAMES, [Own(USER, ["ana", "ana", None])])
    assert all(a.end <= b.start for a, b in pairwise(found))
    joined = f"{first}\n\n{second}\n".encode()
    same = {(f.kind, f.value): joined[f.start : f.end].decode() for f in found}
    for f in found:  # one value may be written in several ways
        same[f.kind, f.value] = joined[f.start : f.end].decode()
        assert texts.replaced([f], same) == [first, "", second]


@given(
    st.lists(st.integers(0, 2**32 - 1).map(lambda n: str(IPv4Address(n))), min_size=1),
    st.sampled_from([" ", ",", "->", "/", "\n", "[]", "é", "=", "\0"]),
)
def test_every_address_of_a_list_is_found(addresses: list[str], between: str) -> None:
    text = f"a{between}{between.join(addresses)}{between}b"
    found = Texts(pa.array([text])).find([ADDRESS], [])
    assert [f.value for f in found] == addresses


@pytest.mark.parametrize(
    "text",
    [
        *("1." * 500_000, "a:" * 500_000, ":" * 1_000_000, "@" * 1_000_000, "a@" * 500_000),
        *("ana " * 250_000, "a" * 1_000_000 + "@", "@" + "a." * 500_000, "%40" * 300_000),
    ],
    ids=lambda text: text[:6],
)
def test_a_megabyte_of_anything_takes_seconds_at_most(text: str) -> None:
    start = time.process_time()
    texts = Texts(pa.array([text]))
    found = texts.find(NAMES, [Own(USER, ["ana"])])
    texts.replaced(found, {(f.kind, f.value): "x" for f in found})
    assert time.process_time() - start < 15
