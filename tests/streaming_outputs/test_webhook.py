"""A webhook gets each record in a request it can trust, and again until it says that it has it."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.streaming_outputs.receivers import free_port, hook
from tests.streaming_outputs.records import alert, numbered
from whetstone.errors import InputError
from whetstone.streaming.outputs import OutputError, Refused, open_output


def test_a_record_is_a_post_with_a_key_that_never_changes(tmp_path: Path) -> None:
    with hook() as told:
        output = open_output(f"{told.url}/in?token=theirs", tmp_path)
        output.send([(3, alert(7, revision=2))])
        output.send([(3, alert(7, revision=2))])
        output.close()
    first, second = told.posts
    assert first.path == "/in?token=theirs"
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Idempotency-Key"] == "alert-7/2"
    assert second.headers["Idempotency-Key"] == "alert-7/2"
    assert json.loads(first.body)["event"] == {"kind": "alert", "id": "alert-7", "sequence": 3}


def test_the_receiver_can_check_who_sent_it_and_when(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    (tmp_path / "token").write_text("abc\n")
    with hook() as told:
        options = f"secret={tmp_path}/key&token={tmp_path}/token"
        output = open_output(f"{told.url}/in#{options}", tmp_path)
        output.send(numbered(1))
    (post,) = told.posts
    genuine, now = _documented_check(), time.time()
    assert genuine(b"secret", post.headers, post.body, now)
    assert not genuine(b"another", post.headers, post.body, now)
    assert not genuine(b"secret", post.headers, post.body + b" ", now)
    assert not genuine(b"secret", post.headers, post.body, now + 1000)
    assert post.headers["Authorization"] == "Bearer abc"


def test_many_records_go_in_one_array_where_that_is_asked_for(tmp_path: Path) -> None:
    with hook() as told:
        output = open_output(f"{told.url}/in#batch=50", tmp_path)
        assert output.batch == 50
        output.send(numbered(1, 2))
        output.send(numbered(1, 2))
        output.send(numbered(3))
    assert [len(json.loads(post.body)) for post in told.posts] == [2, 2, 1]
    keys = [post.headers["Idempotency-Key"] for post in told.posts]
    assert keys[0] == keys[1] != keys[2] == "alert-3/1"


@pytest.mark.parametrize("status", [302, 401, 404, 408, 429, 500, 503])
def test_what_may_pass_is_tried_again(tmp_path: Path, status: int) -> None:
    with hook() as told:
        told.answers = [(status, {"Location": "/elsewhere"})]
        with pytest.raises(OutputError, match=f"answers {status}") as failure:
            open_output(told.url, tmp_path).send(numbered(1))
    assert not isinstance(failure.value, Refused)
    assert len(told.posts) == 1


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_will_never_be_taken_is_not(tmp_path: Path, status: int) -> None:
    with hook() as told:
        told.answers = [(status, {})]
        with pytest.raises(Refused):
            open_output(told.url, tmp_path).send(numbered(1))


def test_a_receiver_may_ask_for_a_pause(tmp_path: Path) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    asked: list[float] = []
    with hook() as told:
        output = open_output(told.url, tmp_path)
        for header in ("17", later, "soon", "99999999"):
            told.answers = [(503, {"Retry-After": header})]
            with pytest.raises(OutputError) as failure:
                output.send(numbered(1))
            asked.append(failure.value.retry_after)
    assert asked[0] == 17.0
    assert 0.0 < asked[1] <= 600.0
    assert asked[2:] == [0.0, 3600.0]


def test_a_receiver_that_is_away_is_named_and_found_when_it_comes(tmp_path: Path) -> None:
    port = free_port()
    output = open_output(f"http://127.0.0.1:{port}/secret-path", tmp_path)
    with pytest.raises(OutputError, match="check that the receiver runs") as failure:
        output.send(numbered(1))
    assert "secret-path" not in str(failure.value)
    with hook(port) as told:
        output.send(numbered(1))
    assert len(told.posts) == 1


def test_a_receiver_that_talks_without_end_is_not_listened_to(tmp_path: Path) -> None:
    with hook() as told:
        output = open_output(told.url, tmp_path)
        for number in (1, 2):
            told.answers = [(200, {"Content-Length": str(1 << 40)})]
            output.send(numbered(number))
    assert len(told.posts) == 2


def test_hooks_of_one_host_are_told_apart_without_saying_their_secrets(tmp_path: Path) -> None:
    urls = ["https://h/a", "https://h/b", "https://h/a?token=1"]
    names = {open_output(url, tmp_path).name for url in urls}
    assert len(names) == 3
    assert all(name.startswith("https://h/…") and "token" not in name for name in names)


def test_a_missing_secret_or_an_unknown_option_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"secret: .*nowhere cannot be read"):
        open_output(f"https://h/a#secret={tmp_path}/nowhere", tmp_path)
    with pytest.raises(InputError, match="did you mean secret"):
        open_output("https://h/a#secrte=x", tmp_path)


def _documented_check() -> Callable[..., bool]:
    """What the docs tell receivers to do."""
    page = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Callable[..., bool]] = {}
    exec(program, names)  # noqa: S102
    return names["genuine"]
