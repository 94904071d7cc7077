"""Webhooks against real receivers: signed, in order, at least once, only where they may lead."""

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from tests.streaming_outputs.receivers import Hook, Post, hook
from tests.triage.exchange_cases import bearer, brute, fill
from tests.triage.scorer_records import DAY, NOON, a_record, checked
from tests.triage.servers import serving, wait_until
from triage import CaseStore, schema
from triage.access import Permission
from triage.exchange import posting
from triage.exchange.changes import Change, ChangeKind, Changes, tell
from triage.exchange.delivery import KEPT, Delivery
from triage.exchange.targets import networks, target
from triage.exchange.webhook_keys import WebhookKeys
from triage.exchange.webhooks import FIRST_RETRY, LEASE, LONGEST_RETRY, Webhook, Webhooks
from whetstone.errors import InputError

HERE = networks(["127.0.0.0/8"])
KEYS = WebhookKeys([Fernet.generate_key().decode()])
SECRET = "known to platform and receiver"  # noqa: S105
VERDICTS = (ChangeKind.VERDICT_GIVEN, ChangeKind.VERDICT_RETRACTED)


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[CaseStore]:
    with closing(CaseStore(f"sqlite:///{tmp_path}/cases.db")) as store:
        fill(store)
        yield store


@pytest.fixture
def receiver() -> Iterator[Hook]:
    with hook() as told:
        yield told


def registered(cases: CaseStore, url: str, *kinds: ChangeKind, environment: str = "*") -> Webhook:
    hooks, sealed = Webhooks(cases.database), KEYS.sealed(SECRET)
    return hooks.register(environment, url, kinds or VERDICTS, "ada", sealed)


def now_again(cases: CaseStore) -> Webhook:
    """The only webhook, as if the pause after its failure were over."""
    with cases.database.writing() as connection:
        connection.execute(update(schema.webhooks).values(next_at=NOON))
    (webhook,) = Webhooks(cases.database).listed()
    return webhook


def told(posts: list[Post]) -> list[str]:
    return [json.loads(post.body)["subject"] for post in posts]


def test_what_happens_is_told_signed_and_in_order(cases: CaseStore, receiver: Hook) -> None:
    registered(cases, f"{receiver.url}/hook?of=us")
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1", note="<script>")
    cases.give_verdict("r2", "true_positive", by="ada", verdict_id="v2")
    assert Delivery(cases, HERE, KEYS).run() == 2
    assert told(receiver.posts) == ["v1", "v2"]

    first = receiver.posts[0]
    assert first.path == "/hook?of=us"
    assert first.headers["Idempotency-Key"] == '"verdict.given/v1"'
    assert first.headers["Content-Type"].startswith("application/cloudevents+json")
    sent = first.headers["Whetstone-Timestamp"].encode()
    signature = hmac.new(SECRET.encode(), sent + b"." + first.body, hashlib.sha256)
    assert first.headers["Whetstone-Signature"] == f"sha256={signature.hexdigest()}"
    event = json.loads(first.body)
    assert (event["specversion"], event["type"]) == ("1.0", "verdict.given")
    assert event["data"]["environment"] == "berlin"
    assert event["data"]["verdict"]["note"] == "<script>"
    assert Delivery(cases, HERE, KEYS).run() == 0, "it is told once"
    assert now_again(cases).delivered == 2


def test_a_webhook_hears_its_kinds_of_its_environment_from_its_registration_on(
    cases: CaseStore, receiver: Hook
) -> None:
    cases.give_verdict("r1", "unsure", by="ada")
    registered(cases, receiver.url, ChangeKind.VERDICT_GIVEN, environment="oslo")
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="berlin's")
    cases.give_verdict("r2", "unsure", by="ada", verdict_id="oslo's")
    with cases.database.writing() as connection:
        published = Change(ChangeKind.RELEASE_PUBLISHED, "*", "brute", "3")
        tell(connection, [published])
    Delivery(cases, HERE, KEYS).run()
    assert told(receiver.posts) == ["oslo's"]


def test_alerts_are_told_of_once_when_they_open(cases: CaseStore, receiver: Hook) -> None:
    registered(cases, receiver.url, ChangeKind.ALERT_OPENED)
    for status, revision in (("open", 1), ("updated", 2)):
        cases.take_records(checked(a_record("new", status=status, revision=revision)))
    cases.take_records(checked(a_record("shadowed", shadow=True)))
    cases.replace_alerts(DAY, "ssh_bruteforce_gb", [brute("a1"), brute("a5")])
    Delivery(cases, HERE, KEYS).run()
    assert sorted(told(receiver.posts)) == ["a5", "new"]
    alert = json.loads(receiver.posts[0].body)["data"]["alert"]
    assert alert["state"] == "open"


def test_a_receiver_that_fails_is_tried_again_ever_more_rarely_and_misses_nothing(
    cases: CaseStore, receiver: Hook
) -> None:
    registered(cases, receiver.url)
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1")
    cases.give_verdict("r2", "unsure", by="ada", verdict_id="v2")
    receiver.answers = [(500, {}), (302, {"Location": "http://127.0.0.1:1/"}), (503, {})]
    for failures in (1, 2, 3):
        assert Delivery(cases, HERE, KEYS).run() == 0
        (webhook,) = Webhooks(cases.database).listed()
        assert webhook.failures == failures
        pause = webhook.next_at - datetime.now(UTC).replace(tzinfo=None)
        longest = FIRST_RETRY * 2 ** (failures - 1)
        assert longest / 2 < pause <= longest
        assert Delivery(cases, HERE, KEYS).run() == 0, "it is left alone meanwhile"
        assert len(receiver.posts) == failures
        now_again(cases)
    assert Delivery(cases, HERE, KEYS).run() == 2
    assert told(receiver.posts) == ["v1", "v1", "v1", "v1", "v2"]
    assert len({post.headers["Idempotency-Key"] for post in receiver.posts[:4]}) == 1
    (webhook,) = Webhooks(cases.database).listed()
    assert (webhook.failures, webhook.problem, webhook.delivered) == (0, "", 2)


def test_a_receiver_says_how_long_it_wants_to_be_left_alone(
    cases: CaseStore, receiver: Hook
) -> None:
    registered(cases, receiver.url)
    cases.give_verdict("a4", "unsure", by="ada")
    receiver.answers = [(429, {"Retry-After": "1800"})]
    Delivery(cases, HERE, KEYS).run()
    (webhook,) = Webhooks(cases.database).listed()
    assert webhook.next_at > datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=25)
    assert "429" in webhook.problem
    assert timedelta(seconds=1800) <= LONGEST_RETRY


def test_what_a_receiver_refuses_for_good_is_passed_over_and_counted(
    cases: CaseStore, receiver: Hook
) -> None:
    registered(cases, receiver.url)
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1")
    cases.give_verdict("r2", "unsure", by="ada", verdict_id="v2")
    receiver.answers = [(422, {})]
    assert Delivery(cases, HERE, KEYS).run() == 1
    assert told(receiver.posts) == ["v1", "v2"]
    (webhook,) = Webhooks(cases.database).listed()
    assert (webhook.refused, webhook.delivered) == (1, 1)


def test_what_could_not_be_told_for_a_week_is_told_no_more(
    cases: CaseStore, receiver: Hook
) -> None:
    registered(cases, receiver.url)
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1")
    cases.give_verdict("r2", "unsure", by="ada", verdict_id="v2")
    with cases.database.writing() as connection:
        old = schema.changes.c.subject == "v1"
        week = datetime.now(UTC).replace(tzinfo=None) - KEPT - timedelta(hours=1)
        connection.execute(update(schema.changes).where(old).values(at=week))
    receiver.answers = [(500, {})]
    assert Delivery(cases, HERE, KEYS).run() == 1
    (webhook,) = Webhooks(cases.database).listed()
    assert (webhook.missed, webhook.delivered) == (1, 1)


def test_one_that_is_away_holds_up_no_other(cases: CaseStore, receiver: Hook) -> None:
    registered(cases, "http://127.0.0.1:9/away")
    registered(cases, receiver.url)
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1")
    assert Delivery(cases, HERE, KEYS).run() == 1
    assert told(receiver.posts) == ["v1"]
    away, _ = Webhooks(cases.database).listed()
    assert away.failures == 1
    assert "refused" in away.problem
    assert "/away" not in away.problem, "paths of hooks are often their passwords"


def test_one_that_answers_a_byte_at_a_time_holds_up_no_other_for_long(
    cases: CaseStore, receiver: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_SECONDS", 0.2)
    with dripping() as url:
        registered(cases, url)
        registered(cases, receiver.url)
        cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1")
        assert Delivery(cases, HERE, KEYS).run() == 1
    assert told(receiver.posts) == ["v1"]
    slow, _ = Webhooks(cases.database).listed()
    assert (slow.failures, slow.problem) == (1, "127.0.0.1: it takes too long to answer")


@contextmanager
def dripping() -> Iterator[str]:
    """A receiver that says that it has taken it, and then goes on with headers until it is cut."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer, suppress(OSError):
                peer.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                for _ in range(200):
                    peer.sendall(b"x")
                    time.sleep(0.02)

        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def test_one_process_tells_at_a_time_and_another_goes_on_when_it_is_killed(
    cases: CaseStore, receiver: Hook
) -> None:
    webhook = registered(cases, receiver.url)
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1")
    start = datetime.now(UTC).replace(tzinfo=None)
    webhooks = Webhooks(cases.database)
    assert webhooks.claim(webhook, start)
    assert not webhooks.claim(webhook, start)
    assert Delivery(cases, HERE, KEYS).run() == 0
    assert webhooks.claim(webhook, start + LEASE)


def test_what_was_erased_is_told_nobody(cases: CaseStore, receiver: Hook) -> None:
    registered(cases, receiver.url, *ChangeKind)
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1", note="mallory's address")
    cases.erase(["a4"])
    Delivery(cases, HERE, KEYS).run()
    assert all(b"mallory" not in post.body for post in receiver.posts)
    assert "v1" in told(receiver.posts)


def test_a_transaction_that_is_rolled_back_tells_nothing(cases: CaseStore) -> None:
    last = Changes(cases.database).last()
    with pytest.raises(RuntimeError), cases.database.writing() as connection:
        tell(connection, [Change(ChangeKind.RULE_ENDED, "berlin", "r")])
        raise RuntimeError
    assert Changes(cases.database).last() == last


FORBIDDEN = [
    "https://127.0.0.1/",
    "https://localhost/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0.0.0.0/",
    "https://10.1.2.3/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://192.0.0.192/opc/v2/instance/",
    "https://168.63.129.16/machine?comp=goalstate",
    "https://192.88.99.1/",
    "https://[fec0::1]/",
    "https://[3fff::1]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[2002:a83f:8110::]/",
    "http://93.184.216.34/",
    "ftp://93.184.216.34/",
    "https://user:password@93.184.216.34/",
    "https://93.184.216.34/#secret",
    "https://93.184.216.34:0/",
    "https://93.184.216.34:99999/",
    "https:///path",
    "https://a b/",
    "file:///etc/passwd",
    "https://nobody.invalid/",
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_webhooks_lead_nowhere_but_to_the_public_internet(url: str) -> None:
    with pytest.raises(InputError, match="url: "):
        target(url, [])


def test_a_public_address_is_reached_at_the_address_that_was_judged() -> None:
    found = target("https://93.184.216.34/hook?x=1", [])
    assert (found.address, found.port, found.path) == ("93.184.216.34", 443, "/hook?x=1")
    assert target("https://[2606:2800:220:1::1]:8443/", []).authority == "[2606:2800:220:1::1]:8443"


def test_an_allowed_network_opens_nothing_beside_itself() -> None:
    assert target("http://127.0.0.1:8080/", HERE).address == "127.0.0.1"
    assert target("https://[::ffff:127.0.0.9]/", HERE).host == "::ffff:127.0.0.9"
    with pytest.raises(InputError, match="WEBHOOK_NETWORKS"):
        target("https://10.0.0.1/", HERE)
    with pytest.raises(InputError, match="use https"):
        target("http://93.184.216.34/", HERE)
    with pytest.raises(InputError, match="WEBHOOK_NETWORKS"):
        networks(["10.0.0.1/8"])


def test_a_name_is_judged_again_at_each_delivery(cases: CaseStore, receiver: Hook) -> None:
    registered(cases, receiver.url)
    cases.give_verdict("a4", "unsure", by="ada")
    assert Delivery(cases, [], KEYS).run() == 0
    assert receiver.posts == []
    (webhook,) = Webhooks(cases.database).listed()
    assert webhook.failures == 1


def test_a_running_server_registers_tells_and_forgets(tmp_path: Path, receiver: Hook) -> None:
    with serving(tmp_path, webhook_networks=["127.0.0.1/32"]) as served:
        fill(served.cases)
        wanted = {"url": receiver.url, "kinds": ["verdict.given"], "environment": "berlin"}
        made = served.post("/api/webhooks", wanted)
        assert made.status == 201
        given = served.post("/api/alerts/a4/verdicts", {"value": "unsure"})
        wait_until(lambda: len(receiver.posts) == 1)
        assert told(receiver.posts) == [given.json["verdict_id"]]
        path = f"/api/webhooks/{made.json['webhook_id']}"
        wait_until(lambda: served.get(path).json["delivered"] == 1)
        assert "secret" not in served.get(path).json, "it is shown once"
        assert served.send("DELETE", path, None, {}).status == 204
        assert served.get(path).status == 404
        trail = (tmp_path / "audit" / "triage.jsonl").read_text()
        assert "webhook.register" in trail
        assert "webhook.remove" in trail
        assert receiver.url not in trail


def test_only_who_manages_an_environment_has_webhooks_there(tmp_path: Path) -> None:
    with serving(tmp_path, workers=False) as served:
        berlin = bearer(served, "berlin", [Permission.MANAGE], "berlin")
        wanted = {"url": "https://93.184.216.34/", "kinds": ["alert.opened"]}
        assert served.post("/api/webhooks", wanted, **berlin).status == 403
        mine = served.post("/api/webhooks", {**wanted, "environment": "berlin"}, **berlin)
        assert mine.status == 201
        theirs = served.post("/api/webhooks", {**wanted, "environment": "oslo"}).json
        listed = served.get("/api/webhooks", **berlin).json["webhooks"]
        assert [webhook["environment"] for webhook in listed] == ["berlin"]
        assert served.get(f"/api/webhooks/{theirs['webhook_id']}", **berlin).status == 404
        inside = {**wanted, "url": "https://192.168.1.1/", "environment": "berlin"}
        assert "not on the public internet" in served.post("/api/webhooks", inside, **berlin).error


def test_webhooks_are_managed_on_a_page_too(tmp_path: Path) -> None:
    with serving(tmp_path, workers=False) as served:
        wanted = {"url": "https://93.184.216.34/?<b>", "kinds": "verdict.given", "environment": "*"}
        shown = served.form("/settings/webhooks", wanted)
        (webhook,) = Webhooks(served.cases.database).listed()
        assert shown.status == 200
        keys = WebhookKeys.of(tmp_path / "keys" / "webhooks.key")
        secret = keys.opened(webhook.secret)
        assert secret in shown.text
        again = served.get("/settings/webhooks")
        assert secret not in again.text, "it is shown once"
        assert "&lt;b&gt;" in again.text
        assert "<b>" not in again.text
        refused = served.form("/settings/webhooks", {**wanted, "url": "https://10.0.0.1/"})
        assert (refused.status, "not on the public internet" in refused.text) == (422, True)
        gone = served.form(f"/settings/webhooks/{webhook.webhook_id}/remove", {})
        assert gone.status == 303
        assert Webhooks(served.cases.database).listed() == []


def test_whoever_reads_the_store_can_sign_nothing(tmp_path: Path, receiver: Hook) -> None:
    with serving(tmp_path, workers=False, webhook_networks=["127.0.0.1/32"]) as served:
        wanted = {"url": receiver.url, "kinds": ["verdict.given"]}
        secret = served.post("/api/webhooks", wanted).json["secret"]
        with served.cases.database.reading() as connection:
            (kept,) = connection.execute(select(schema.webhooks.c.secret)).one()
        assert secret not in kept
        file = tmp_path / "keys" / "webhooks.key"
        assert file.stat().st_mode & 0o777 == 0o600
        assert WebhookKeys.of(file).opened(kept) == secret


def test_keys_are_changed_with_a_new_line_and_the_next_start(
    cases: CaseStore, tmp_path: Path, receiver: Hook
) -> None:
    file, old, new = tmp_path / "webhooks.key", *(Fernet.generate_key().decode() for _ in "on")

    def written(*keys: str) -> WebhookKeys:
        file.write_text("\n".join(keys))
        file.chmod(0o600)
        return WebhookKeys.of(file)

    hooks, first = Webhooks(cases.database), written(old)
    hooks.register("*", receiver.url, VERDICTS, "ada", first.sealed(SECRET))
    # As an earlier release left it.
    hooks.register("*", receiver.url, VERDICTS, "ada", SECRET)
    both = written(new, old)
    assert [both.opened(each.secret) for each in hooks.listed()] == [SECRET, SECRET]
    hooks.seal(both)
    alone = written(new)
    assert [alone.opened(each.secret) for each in hooks.listed()] == [SECRET, SECRET]
    cases.give_verdict("a4", "unsure", by="ada", verdict_id="v1")
    assert Delivery(cases, HERE, alone).run() == 2


def test_without_its_key_a_webhook_says_why_it_is_told_nothing(
    cases: CaseStore, receiver: Hook
) -> None:
    registered(cases, receiver.url)
    cases.give_verdict("a4", "unsure", by="ada")
    other = WebhookKeys([Fernet.generate_key().decode()])
    Webhooks(cases.database).seal(other)
    assert Delivery(cases, HERE, other).run() == 0
    (webhook,) = Webhooks(cases.database).listed()
    assert "its secret cannot be read" in webhook.problem
    assert receiver.posts == []
    assert KEYS.opened(webhook.secret) == SECRET, "nothing is lost: the key may come back"


def test_a_file_of_keys_that_others_may_read_or_nobody_wrote_right_is_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "keys" / "webhooks.key"
    made = WebhookKeys.of(file).sealed(SECRET)
    assert WebhookKeys.of(file).opened(made) == SECRET, "it is made once"
    assert [each.name for each in file.parent.iterdir()] == ["webhooks.key"]
    file.chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        WebhookKeys.of(file)
    for wrong in ("", "short\n"):
        file.write_text(wrong)
        file.chmod(0o600)
        with pytest.raises(InputError, match="32 random bytes"):
            WebhookKeys.of(file)
