"""Templates: what they promise of any messages, and how good they are on real ones."""

import gzip
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.templates import Measures, mean_of, measure, structured
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.parsing.templates import (
    TemplateDictionary,
    Templating,
    message_keys,
    mine,
    template_id,
    with_templates,
)
from whetstone.parsing.templates_file import file_templates, mined_messages, template_pattern
from whetstone.parsing.templates_header import messages
from whetstone.parsing.templates_masks import MASKING

WORDS = st.one_of(
    st.sampled_from(["session", "opened", "for", "user", "root", "is", "(uid=0)", "<*>", "a.b.C"]),
    st.sampled_from(
        ["10.1.2.3:80", "0x7fed", "/etc/passwd", "k=v", "'x y'", "L3", "blk_-12", "()"]
    ),
    st.text(max_size=6),
    st.integers().map(str),
)
MESSAGES = st.lists(WORDS, max_size=7).map(" ".join)


def ids(dictionary: TemplateDictionary, found: Sequence[str]) -> list[str | None]:
    """The template id of each message."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE events (line BIGINT, message VARCHAR)")
        if found:
            connection.executemany("INSERT INTO events VALUES (?, ?)", list(enumerate(found)))
        templated = with_templates(connection, "events", Templating("message", dictionary))
        rows = connection.execute(f"SELECT template FROM {templated.relation} ORDER BY line")
        result = [template for (template,) in rows.fetchall()]
    assert templated.messages == len(found)
    assert templated.unknown == result.count(None)
    return result


def mined(found: Sequence[str], known: TemplateDictionary | None = None) -> TemplateDictionary:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE events (message VARCHAR)")
        if found:
            connection.executemany("INSERT INTO events VALUES (?)", [[one] for one in found])
        return mine(connection, "events", "message", known)


def templates(*found: str) -> list[str]:
    return list(mined_messages(found).templates)


class TestOfAnyMessages:
    @settings(max_examples=60)
    @given(st.lists(MESSAGES, max_size=12))
    def test_a_message_matches_the_pattern_of_its_template(self, found: list[str]) -> None:
        mining = mined_messages(found)
        for message, template, values in zip(
            found, mining.templates, mining.parameters, strict=True
        ):
            (matches,) = duckdb.execute(
                "SELECT regexp_matches($1, $2)", [message, template_pattern(template)]
            ).fetchall()[0]
            assert matches, (message, template)
            assert len(values) == template.count("<*>")

    @settings(max_examples=25)
    @given(st.lists(MESSAGES, max_size=12), st.randoms(use_true_random=False))
    def test_templates_depend_on_neither_order_nor_number(
        self, found: list[str], random: object
    ) -> None:
        shuffled = [*found, *found[:5]]
        random.shuffle(shuffled)  # pyright: ignore
        assert mined(shuffled).masks == mined(found).masks

    @settings(max_examples=25)
    @given(st.lists(MESSAGES, max_size=10), st.lists(MESSAGES, max_size=10))
    def test_a_later_mining_changes_no_template(self, first: list[str], second: list[str]) -> None:
        before = mined(first)
        after = mined(second, before)
        assert ids(after, first) == ids(before, first)
        assert before.templates.items() <= after.templates.items()
        assert None not in ids(after, second)

    @settings(max_examples=25)
    @given(st.lists(MESSAGES, max_size=10))
    def test_a_dictionary_survives_its_file(self, found: list[str]) -> None:
        dictionary = mined(found)
        again = TemplateDictionary.from_json(dictionary.to_json())
        assert again == dictionary
        assert again.version == dictionary.version

    @settings(max_examples=40)
    @given(st.lists(st.text(), max_size=6))
    def test_every_line_has_a_message_whatever_its_header(self, lines: list[str]) -> None:
        found = messages(lines)
        assert len(found) == len(lines)
        assert all(line.endswith(message) for line, message in zip(lines, found, strict=True))


class TestMasking:
    @pytest.mark.parametrize(
        ("message", "template"),
        [
            ("Took 20.58 seconds for 17 of 0x1f", "Took <*> seconds for <*> of <*>"),
            ("from 10.1.2.3:80 to /10.1.2.4 via web-1/10.0.0.1:443", "from <*> to <*> via <*>"),
            ("at Fri Jun 17 07:07:00 PDT 2005, by 2024-05-01T10:00:00Z", "at <*>, by <*>"),
            ("rhost=dsl-059.example.net user@example.org", "rhost=<*> <*>"),
            ("open /etc/passwd, ./run and C:\\Windows\\x.dll", "open <*>, <*> and <*>"),
            ("id b9000564-fe1a-409b-b8cc-1e88b294cd1d blk_-38865049", "id <*> <*>"),
            ('"GET /index.html?a=1 HTTP/1.1" status: 200', '"GET <*>" status: <*>'),
            ("enabled=true owner null", "enabled=<*> owner <*>"),
            (
                "free 93.0 KB, memory 2048 MB, lifetime <1 sec",
                "free <*>, memory <*> MB, lifetime <*>",
            ),
            ("port 22 ssh2 on L3 (jk2_init)", "port <*> ssh2 on L3 (jk2_init)"),
            (
                "Input/output error, see http://example/help",
                "Input/output error, see http://example/help",
            ),
            ("", ""),
        ],
    )
    def test_what_varies_by_its_form_is_masked(self, message: str, template: str) -> None:
        assert templates(message) == [template]


class TestEvidence:
    def test_one_other_word_is_another_event(self) -> None:
        found = ["link eth is up now", "link eth is down now"]
        assert templates(*found) == found

    def test_many_words_in_one_place_are_values(self) -> None:
        names = ["ada", "bob", "cleo", "dan", "eve", "fred", "gus", "hal"]
        found = templates(*(f"greeting {name} at the door" for name in names))
        assert set(found) == {"greeting <*> at the door"}

    def test_a_word_is_a_value_where_another_message_has_a_masked_one(self) -> None:
        found = templates("session closed for user ada", "session closed for user u1000")
        assert found == ["session closed for user <*>"] * 2

    def test_a_word_is_a_value_between_words_that_enclose_values_elsewhere(self) -> None:
        found = templates(
            "Failed password for u1000 from 10.0.0.1", "Accepted password for ada from 10.0.0.1"
        )
        assert found[1] == "Accepted password for <*> from <*>"

    @pytest.mark.parametrize(
        ("first", "second", "template"),
        [
            ("tty=ssh ended", "tty=cron ended", "tty=<*> ended"),
            ("hive 'SAM x' read", "hive 'SYSTEM' read", "hive '<*>' read"),
            ("use org.a.b.One here", "use org.a.c.Two here", "use org.a.<*> here"),
            (
                "lock tag='View x', name=a.b.c, ws=null",
                "lock tag='Ril', name=a.b.d, ws=Work{12}",
                "lock tag='<*>', name=<*>, ws=<*>",
            ),
            ("slot U1 is full", "slot U2 is full", "slot <*> is full"),
            ("delete 17 now", "delete 18 19 20 now", "delete <*> now"),
        ],
    )
    def test_what_differs_only_in_a_value_is_one_template(
        self, first: str, second: str, template: str
    ) -> None:
        assert templates(first, second) == [template] * 2


class TestFrozen:
    KNOWN = mined(["session opened for user u1000 by login", "disk is full"])

    def test_equal_masks_have_equal_ids(self) -> None:
        found = ids(self.KNOWN, ["session opened for user u1 by login", "disk is  full"])
        texts = ["session opened for user <*> by login", "disk is full"]
        assert found == [template_id(text) for text in texts]

    def test_a_new_message_that_fits_has_the_template_and_another_has_none(self) -> None:
        found = ids(self.KNOWN, ["session opened for user ada by login", "disk is empty"])
        assert found == [template_id("session opened for user <*> by login"), None]

    def test_an_unknown_message_is_known_after_the_next_mining(self) -> None:
        after = mined(["disk is empty"], self.KNOWN)
        assert ids(after, ["disk is empty"]) == [template_id("disk is empty")]
        assert (after.minings, after.version != self.KNOWN.version) == (2, True)

    def test_mining_nothing_new_keeps_the_version(self) -> None:
        assert mined(["disk is full"], self.KNOWN).version == self.KNOWN.version

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{}",
            '{"masks": 1}',
            KNOWN.to_json().replace('"masks": {', '"masks": {"x": 1,'),
        ],
    )
    def test_what_is_no_dictionary_is_refused(self, text: str) -> None:
        with pytest.raises(InputError, match="mine the templates anew"):
            TemplateDictionary.from_json(text)

    def test_it_is_joined_on_an_engine_that_reaches_no_files(self) -> None:
        with open_engine() as connection:
            connection.execute("CREATE TABLE events AS SELECT 'disk is full' AS message, 7 AS n")
            templated = with_templates(connection, "events", Templating("message", self.KNOWN))
            rows = connection.execute(f"FROM {templated.relation}").fetchall()
        assert rows == [("disk is full", 7, template_id("disk is full"))]
        assert templated.unknown_share == 0


class TestHeaders:
    @pytest.mark.parametrize(
        "header",
        [
            "Jul  1 09:00:55 host-10 kernel[0]: ",
            "Jul  1 09:00:55 host-10 com.apple.cts[258] (com.apple.x): ",
            "2015-10-18 18:01:47,978 INFO [main] org.apache.Main: ",
            "17/06/09 20:10:40 WARN executor.Backend: ",
            "03-17 16:13:38.811  1702  2395 D WindowManager: ",
            "[Sun Dec 04 04:47:44 2005] [notice] ",
            "[10.30 16:49:06] chrome.exe - ",
            "20171223-22:15:29:606|Step_LSC|30002312|",
            "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond[29]: ",
            "api.log.1 2017-05-16 00:00:00.008 25746 INFO nova.server [req-38 a b - - -] ",
            "134681 node-246 unix.hw change 1077804742 1 ",
            "2016-09-28 04:30:30, Info                  CBS    ",
            "2024-05-01T10:00:00.123Z ERROR ",
        ],
    )
    def test_what_all_lines_share_in_front_is_no_message(self, header: str) -> None:
        said = ["link is up", "[client 10.0.0.1] denied by rule", "error: no such file: x"]
        assert messages([f"{header}{one}" for one in said]) == said

    def test_lines_without_a_time_are_messages_as_a_whole(self) -> None:
        found = ["INFO link is up", "WARN link is down"]
        assert messages(found) == found


class TestQuality:
    """On LogHub-2k with its corrected ground truth, one configuration for all."""

    @pytest.fixture(scope="class")
    def systems(self, real_data: Path) -> dict[str, Path]:
        found = {path.name: path for path in (real_data / "loghub_2k").iterdir()}
        assert len(found) == 8
        return found

    @pytest.fixture(scope="class")
    def measured(self, systems: dict[str, Path]) -> dict[str, Measures]:
        return {
            name: measure(
                structured(path)[1],
                file_templates(path / f"{name}_2k.log.gz", None, "2020-01-01", 1 << 20).templates,
            )
            for name, path in systems.items()
        }

    def test_grouping_and_templates_are_right_on_average(
        self, measured: dict[str, Measures]
    ) -> None:
        mean = mean_of(measured.values())
        assert mean.ga >= 0.95
        assert mean.fta >= 0.60

    def test_no_system_falls_behind(self, measured: dict[str, Measures]) -> None:
        assert min(one.ga for one in measured.values()) >= 0.95
        assert min(one.fta for one in measured.values()) >= 0.60

    def test_the_header_is_found_as_loghub_split_it(self, systems: dict[str, Path]) -> None:
        for name, path in systems.items():
            with gzip.open(path / f"{name}_2k.log.gz", "rt", newline="\n") as file:
                lines = [line.rstrip("\r\n") for line in file]
            contents = [re.sub(r"\s+", " ", one).strip() for one in structured(path)[0]]
            assert [re.sub(r"\s+", " ", one).strip() for one in messages(lines)] == contents, name

    def test_the_templates_of_hdfs_are_those_of_its_sources(self, real_data: Path) -> None:
        file = real_data / "hdfs/raw/HDFS_first20k.log.gz"
        found = file_templates(file, None, "2008-11-12", 1 << 20)
        assert found.counts()["PacketResponder <*> for block <*> terminating"] == 3374
        assert len(found.counts()) == 13


class TestMeasures:
    def test_they_are_those_of_loghub_2(self) -> None:
        truth = ["a <*>", "a <*>", "b", "c"]
        assert measure(truth, truth) == Measures(1, 1, 1, 1)
        # One group torn, one exact, two joined: b is right only as text, c neither.
        found = ["a <*>", "a x", "b", "b"]
        assert measure(truth, found) == Measures(ga=0, fga=0, pa=0.5, fta=2 * 1 / 6)
        # Grouped right, but written differently.
        assert measure(truth, ["a y", "a y", "b", "c"]) == Measures(1, 1, 0.5, 2 * 2 / 6)


WORDS = st.from_regex(r"[a-z]{1,3}[0-9]{0,3}( [0-9a-f:.]{1,6}| ssh[12]){0,4}", fullmatch=True)


@settings(max_examples=25)
@given(st.lists(st.none() | st.text() | WORDS, max_size=30))
def test_keys_are_those_that_the_patterns_give(messages: list[str | None]) -> None:
    with open_engine() as engine:
        engine.register("given", pa.table({"message": pa.array(messages, pa.string())}))
        expected = engine.sql(f"SELECT {MASKING.key_sql('message')} AS key FROM given")
        assert message_keys(pa.array(messages, pa.string())).to_pylist() == [
            key for (key,) in expected.fetchall()
        ]
