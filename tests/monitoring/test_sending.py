"""Notices over real connections: a webhook, a chat, a mail server, and one that is not there."""

import json
import logging
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest

from monitoring.notices import Message, Notice, messages
from monitoring.sending import check_addresses, send
from tests.addresses import Hooks, Mails, running
from whetstone.errors import InputError

HOSTILE = "<!channel> @here\r\nBcc: victim@evil.test\r\n\x1b[31m [x](http://evil.test) \u202e"
((NOTICE, _),) = messages([Notice("ssh", "drift", HOSTILE, "http://reports/ssh/x.html")])
SECRET = "T0KENT0KEN"  # noqa: S105


@pytest.fixture(scope="module")
def hooks() -> Iterator[Hooks]:
    with running(Hooks()) as server:
        yield server


def test_a_webhook_gets_the_notice_as_json(hooks: Hooks) -> None:
    assert send(f"json://127.0.0.1:{hooks.server_port}/hook", NOTICE)
    sent = json.loads(hooks.posted[-1])
    assert sent["title"] == "Whetstone: ssh: drift"
    text, link = sent["message"].split("\n")
    assert text == (
        "‹!channel› ＠here Bcc: victim＠evil.test \\x1b(31m (x)(http :// evil.test) \\x202e"
    )
    assert link == "http://reports/ssh/x.html"


def test_a_chat_is_given_nothing_to_obey(hooks: Hooks) -> None:
    assert send(f"mmost://127.0.0.1:{hooks.server_port}/{SECRET}", NOTICE)
    assert "‹!channel› ＠here" in json.loads(hooks.posted[-1])["text"]
    assert "icon_url" not in hooks.posted[-1]


def test_a_mail_has_the_headers_that_we_gave_it_and_no_others() -> None:
    with running(Mails()) as server:
        port = server.server_address[1]
        url = f"mailto://127.0.0.1:{port}?from=whetstone@site.test&to=soc@site.test&mode=insecure"
        assert send(url, NOTICE)
        ((recipients, raw),) = server.taken
    assert [r.upper() for r in recipients] == ["RCPT TO:<SOC@SITE.TEST>"]
    mail = cast(EmailMessage, message_from_bytes(raw, policy=policy.default))
    assert mail["subject"] == "Whetstone: ssh: drift"
    assert mail["bcc"] is None
    assert mail["to"] == "soc@site.test"
    body = mail.get_body(("plain",)) or mail
    assert "http://reports/ssh/x.html" in cast(EmailMessage, body).get_content()


def test_a_title_with_line_ends_adds_no_header() -> None:
    ((message, _),) = messages([Notice("ssh\r\nBcc: victim@evil.test", "drift", "moved")])
    with running(Mails()) as server:
        port = server.server_address[1]
        url = f"mailto://127.0.0.1:{port}?from=whetstone@site.test&to=soc@site.test&mode=insecure"
        assert send(url, message)
        ((recipients, raw),) = server.taken
    assert len(recipients) == 1
    assert message_from_bytes(raw)["bcc"] is None


def test_who_refuses_has_not_been_told(hooks: Hooks) -> None:
    hooks.status = 500
    try:
        assert not send(f"json://127.0.0.1:{hooks.server_port}/hook", NOTICE)
    finally:
        hooks.status = 200


def test_who_is_not_there_has_not_been_told_and_no_secret_is_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with caplog.at_level(logging.DEBUG):
            assert not send(f"json://user:{SECRET}@127.0.0.1:{port}/{SECRET}", Message("a", "b"))
    assert SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())


def test_an_address_that_is_none_is_named_by_its_place_only() -> None:
    with pytest.raises(InputError) as refused:
        check_addresses(["json://127.0.0.1/", f"nonsense://{SECRET}"], "team:a")
    assert "address 2 of team:a" in str(refused.value)
    assert SECRET not in str(refused.value)
    check_addresses(["json://127.0.0.1/"], "team:a")
