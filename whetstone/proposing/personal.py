"""Which personal data a field holds, judged by its name and its values (pure)."""

import ipaddress
import re
from collections.abc import Callable, Sequence

from whetstone.catalog.catalog_pb2 import (
    ADDRESS,
    FREE_TEXT,
    HOST,
    NOT_PERSONAL,
    USER,
    PersonalData,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ADDRESS_WORDS = _words("ip ip4 ip6 ipv4 ipv6 addr address srcip dstip saddr daddr")
_USER_WORDS = _words(
    "user username account login principal email mailfrom rcptto uname sender recipient cname"
    " acct auid"
)
_HOST_WORDS = _words("host hostname computer computername machine workstation fqdn")
_TEXT_WORDS = _words(
    "url uri cmdline commandline command request referer referrer message msg query subject payload"
)
# `user_agent` is no user, `host_key` no host.
_SOMETHING_ELSE = _words(
    "agent type key keys count bytes pkts flags status code version port algorithm rtt"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}")
_MOST = 0.9


def personal_data_of(name: str, values: Sequence[str] = ()) -> PersonalData:
    """What a text field tells about a person.

    Args:
        name: the field's name, words separated by `_`.
        values: some of its values; without any, the name alone decides.
    """
    if values and _mostly(values, is_address):
        return ADDRESS
    if values and _mostly(values, _is_email):
        return USER
    words = set(name.lower().split("_"))
    if words & _SOMETHING_ELSE:
        return NOT_PERSONAL
    if not values and words & _ADDRESS_WORDS:
        return ADDRESS
    for known, kind in ((_USER_WORDS, USER), (_HOST_WORDS, HOST), (_TEXT_WORDS, FREE_TEXT)):
        if words & known:
            return kind
    return NOT_PERSONAL


def is_address(text: str) -> bool:
    """Whether a text is one IPv4 or IPv6 address."""
    if not text[:1].isalnum() and not text.startswith(":"):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def _mostly(values: Sequence[str], judge: Callable[[str], bool]) -> bool:
    return sum(judge(value) for value in values) >= _MOST * len(values)
