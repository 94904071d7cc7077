"""Where the environment has a policy nothing personal is stored, and nothing else changes."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from privacy_worlds import DAY, MAX_LINE_BYTES, PSEUDONYMS, SOURCE, Site, catalog_of, line

from whetstone.engine import open_engine
from whetstone.parsing import RawFile, parse_files
from whetstone.privacy import KeyStore, Protection
from whetstone.privacy.treatment import Pseudonyms, undo_any

MESSAGE = "port 22 of ana@example.org via 10.1.2.3, 2001:db8::7 and gate1 (ANA's bananas)"


def test_no_original_value_is_stored_anywhere(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land([line(MESSAGE), "nonsense(10.1.2.3)(ana@example.org)", line(time="never")])
    rows = site.parse()
    assert (rows.events.num_rows, rows.rejects.num_rows) == (1, 2)
    for original in ("10.1.2.3", "10.9.9.9", "2001:db8::7", "example.org", "gate1", "ANA'"):
        assert original not in rows.everything
    assert "nonsense(" in rows.everything
    assert "bananas" in rows.everything


def test_text_bears_the_very_pseudonyms_of_the_fields(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land([line("ana came from 10.1.2.3 to gate1, not gate12"), line("10.1.2.3", user="bo")])
    first, second = site.parse().events.to_pylist()
    said = f"{first['user']} came from {first['src_ip']} to {first['host']}, not gate12"
    assert first["message"] == said
    assert first["url"] == f"http://{said}"
    assert " ".join(first["words"]) == said
    assert first["seen"][0] == second["seen"][0] == second["message"] == first["src_ip"]
    assert first["user"] != second["user"]


def test_values_come_back_with_the_key_that_the_row_names(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land([line("port 7", ip="2001:db8::1")])
    (row,) = site.parse().events.to_pylist()
    assert row["key_id"] == f"oslo/{DAY}"
    key = site.keys.find(row["key_id"])
    assert key is not None
    undo = Pseudonyms(key).undo
    assert (undo(row["user"]), undo(row["host"])) == ("ana", "gate1")
    assert (undo(row["src_ip"]), undo(row["seen"][1])) == ("2001:db8::1", "10.9.9.9")
    assert row["port"] == 7


def test_environments_without_a_policy_are_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, {"oslo": PSEUDONYMS, "lisbon": "", "rome": "addresses: KEEP"})
    for environment in site.policies:
        site.land([line(MESSAGE), "nonsense(10.1.2.3)"], environment)
    rows = site.parse()
    plain = Site(tmp_path, dict.fromkeys(site.policies, "")).parse()
    for name in rows.events.column_names:
        assert rows.column(name)[:1] + rows.column(name)[2:] == (
            plain.column(name)[:1] + plain.column(name)[2:]
        )
    assert rows.column("environment") == ["lisbon", "oslo", "rome"]
    assert rows.column("key_id") == [None, f"oslo/{DAY}", None]
    assert rows.events.schema == plain.events.schema
    assert not site.keys.ids("lisbon")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("addresses: DROP", (None, "ana", "gate1", "ana of [redacted] at gate1")),
        ("users: DROP", ("10.1.2.3", None, "gate1", "[redacted] of 10.1.2.3 at gate1")),
        ("hosts: GENERALISE", ("10.1.2.3", "ana", None, "ana of 10.1.2.3 at [redacted]")),
        (
            "addresses: GENERALISE users: GENERALISE",
            ("10.1.2.0/24", None, "gate1", "[redacted] of 10.1.2.0/24 at gate1"),
        ),
    ],
)
def test_a_policy_treats_what_it_names_and_keeps_the_rest(
    tmp_path: Path, policy: str, expected: tuple[str | None, ...]
) -> None:
    site = Site(tmp_path, {"oslo": policy})
    site.land([line("ana of 10.1.2.3 at gate1")])
    (row,) = site.parse().events.to_pylist()
    assert (row["src_ip"], row["user"], row["host"], row["message"]) == expected


def test_an_address_is_one_in_whatever_field_it_stands(tmp_path: Path) -> None:
    site = Site(tmp_path, {"oslo": "addresses: PSEUDONYM"})
    site.land([line("from 10.1.2.3", host="10.1.2.3", user="ana")])
    (row,) = site.parse().events.to_pylist()
    assert row["host"] == row["src_ip"] != "10.1.2.3"
    assert row["message"] == f"from {row['src_ip']}"
    assert row["user"] == "ana"


def test_what_stands_in_an_address_field_and_is_no_address_gets_a_name(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land([line("asked laptop-of-ana", ip="laptop-of-ana", user="x")])
    (row,) = site.parse().events.to_pylist()
    assert row["src_ip"].startswith("a-")
    assert row["message"] == f"asked {row['src_ip']}"


def test_events_are_treated_with_the_key_of_their_own_day(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land(
        [line(time=time) for time in (f"{DAY}T23:59:59", "2026-02-28T10:00:00", f"{DAY}T00:00")]
    )
    rows = site.parse()
    assert rows.column("key_id") == [f"oslo/{DAY}", "oslo/2026-02-28", f"oslo/{DAY}"]
    users = rows.column("user")
    assert users[0] == users[2] != users[1]


def test_a_policy_may_have_a_key_for_every_hour(tmp_path: Path) -> None:
    site = Site(tmp_path, {"oslo": f"{PSEUDONYMS} key_period: HOUR"})
    site.land([line(time=f"{DAY}T{time}") for time in ("09:59:59", "10:00:00", "10:59:59")])
    rows = site.parse()
    assert rows.column("key_id") == [f"oslo/{DAY}T{hour}" for hour in ("09", "10", "10")]
    assert len(set(rows.column("src_ip"))) == 2


@pytest.mark.parametrize("period", ["DAY", "HOUR"])
def test_hostile_clocks_do_not_make_keys_without_end(tmp_path: Path, period: str) -> None:
    site = Site(tmp_path, {"oslo": f"{PSEUDONYMS} key_period: {period}"})
    years = [*range(1, 2020, 7), *range(2027, 9999, 50)]
    site.land([line(time=f"{year:04}-05-0{year % 9 + 1}T0{year % 10}:00:00") for year in years])
    rows = site.parse()
    assert rows.events.num_rows == len(years)
    assert len(site.keys.ids("oslo")) == 1
    assert set(rows.column("key_id")) == set(site.keys.ids("oslo"))


def test_the_same_lines_parsed_again_are_the_same_rows(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land([line(MESSAGE), line(user="bo"), "nonsense(10.1.2.3)"])
    assert site.parse() == site.parse()


def test_nobody_can_compare_raw_hashes_with_those_of_lines_he_makes_up(tmp_path: Path) -> None:
    site = Site(tmp_path, {"oslo": PSEUDONYMS, "lisbon": ""})
    lines = [line(), line(), line(user="bo")]
    for environment in site.policies:
        site.land(lines, environment)
    rows = site.parse()
    plain, hashes = rows.column("raw_hash")[:3], rows.column("raw_hash")[3:]
    assert not set(plain).intersection(hashes)
    assert hashes[0] == hashes[1] != hashes[2]
    assert all(0 <= value < 2**60 for value in hashes)
    other = Site(tmp_path / "other")
    other.land(lines)
    assert not set(other.parse().column("raw_hash")).intersection(hashes)


def test_without_its_key_nothing_personal_of_a_period_is_stored_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land([line(MESSAGE), line("x", time="2026-03-02T01:00:00"), "nonsense(10.1.2.3)"])
    before = site.parse()
    site.keys.drop("oslo", "2026-03-02")
    rows = site.parse()
    first, second = rows.events.to_pylist()
    assert [first[name] for name in ("src_ip", "user", "host")] == [None] * 3
    assert first["message"] == first["url"] == "[redacted]"
    assert first["key_id"] == f"oslo/{DAY}"
    assert first["port"] == 22
    assert rows.rejects["raw"].to_pylist() == ["[redacted]"]
    assert second["user"] == before.column("user")[1]
    assert site.keys.ids("oslo") == ["oslo/2026-03-02"]
    assert first["raw_hash"] not in before.column("raw_hash")


def test_a_new_key_begins_new_pseudonyms_and_the_old_ones_are_still_read(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land([line()])
    (before,) = site.parse().events.to_pylist()
    site.keys.rotate("oslo", DAY)
    (after,) = site.parse().events.to_pylist()
    assert (before["key_id"], after["key_id"]) == (f"oslo/{DAY}", f"oslo/{DAY}.1")
    assert before["user"] != after["user"]
    keys = site.keys.keys("oslo", DAY)
    for row in (before, after):
        assert undo_any(row["user"], keys) == {row["key_id"]: "ana"}


def test_lines_of_no_event_at_all_are_no_trouble(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land(["nonsense"])
    rows = site.parse()
    assert (rows.events.num_rows, rows.rejects.num_rows) == (0, 1)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.text(min_size=1).filter(lambda word: not any(map(str.isspace, word))),
            st.text(max_size=60).filter(lambda text: len(text.splitlines()) < 2),
        ),
        max_size=6,
    )
)
def test_whatever_a_log_says_protection_keeps_its_rows_and_their_order(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[str, str]]
) -> None:
    directory = tmp_path_factory.mktemp("site")
    file = directory / "raw.log"
    file.write_bytes("\n".join(line(text, user=user) for user, text in records).encode() + b"\n")
    raw = RawFile(file, "oslo", f"oslo/vpn/{DAY}/raw.log")
    numbers: list[list[tuple[int, datetime]]] = []
    with open_engine() as engine:
        for policy in ("", PSEUDONYMS):
            protection = Protection(
                catalog_of({"oslo": policy}).environments.values(), KeyStore(directory / "keys")
            )
            parse_files(engine, SOURCE, [raw], DAY, MAX_LINE_BYTES, protection)
            found = engine.sql(
                "SELECT raw_line, event_time FROM events"
                " UNION ALL SELECT raw_line, NULL FROM rejects ORDER BY ALL"
            )
            numbers.append(found.fetchall())
    assert numbers[0] == numbers[1]
