"""An output's URL does what it says, or says what would be right."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from whetstone.errors import InputError
from whetstone.streaming.outputs import SCHEMES, open_output
from whetstone.streaming.urls import Url


@pytest.mark.parametrize("example", SCHEMES.values())
def test_every_example_opens_and_is_in_the_docs(example: str, tmp_path: Path) -> None:
    output = open_output(example, tmp_path)
    assert output.name.partition(":")[0] == example.partition(":")[0]
    output.close()
    scheme = example.partition(":")[0]
    assert f"`{scheme}:" in (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")


def test_a_url_that_is_wrong_says_what_would_be_right(tmp_path: Path) -> None:
    wrong = {
        "sylog+tcp://h": "did you mean syslog\\+tcp://siem",
        "carrier-pigeon://h": "known are file",
        "syslog+tcp://": "name the collector",
        "syslog+tcp://h:port": "correct the URL",
        "syslog+tcp://h?format=xml": "format: is 'xml', not one of cef, json",
        "syslog+tcp://h?fromat=cef": "did you mean format",
        "file:///a?rotate=lots": "not a number such as 10 or 64M",
        "file:///a?keep=0": "keep: is 0, less than 1",
        "unix://": "name the socket",
        "redis://h/alerts": "name database and key",
        "kafka://h": "name broker and topic",
        "https://": "name the receiver",
    }
    for url, right in wrong.items():
        with pytest.raises(InputError, match=right):
            open_output(url, tmp_path)


@pytest.mark.parametrize("url", ["redis://me:hush@h/0/alerts", "https://h/hush?hush=1"])
def test_secrets_do_not_get_into_the_name_that_is_shown(url: str, tmp_path: Path) -> None:
    assert "hush" not in open_output(url, tmp_path).name


@pytest.mark.parametrize("rest", [":port/0/a", "/0/a?typ=list", "/0", "/x/a"])
def test_secrets_do_not_get_into_errors(rest: str, tmp_path: Path) -> None:
    for scheme in ("redis", "radish"):
        with pytest.raises(InputError) as failure:
            open_output(f"{scheme}://me:hush@h{rest}", tmp_path)
        assert "hush" not in str(failure.value)


def test_the_parts_of_a_url_are_decoded() -> None:
    url = Url.parse("redis://me%40x:p%3Aw@[::1]:7/0/a%20b?most=2k&type=list", ("most", "type"))
    assert (url.user, url.password, url.host, url.port) == ("me@x", "p:w", "::1", 7)
    assert (url.path, url.number("most", 0), url.text("type")) == ("/0/a b", 2048, "list")
    assert "p%3Aw" not in url.address + repr(url)
    assert "p:w" not in repr(url)
