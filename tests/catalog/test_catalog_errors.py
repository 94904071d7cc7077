"""Every mistake in a definition is named with its file, line and field, all of them at once."""

import re
from pathlib import Path

import pytest
from catalog_files import (
    DETECTOR,
    ENVIRONMENT,
    EVENTS,
    FILES,
    FLOWS,
    GOLDEN,
    SOURCE,
    VIEW,
    write_catalog,
)

from whetstone.catalog import load_catalog
from whetstone.errors import CatalogError

STATUS = r'definition: "$1"' + "\n}"
PATTERN = re.search(r"format: LINE\npattern: .*", FILES[SOURCE])[0]
CLOCK = FILES[FLOWS].partition("\n")[2]
AT_0 = CLOCK.replace("JSON", "%s").replace("flow.start", "%s")
ERRORS = '"count(*) FILTER (WHERE status >= 400)"'
TIME_HOLDOUT = "time { validation_from: %s test_from: %s }"
GROUP = re.search(r"group \{.*?\}", FILES[GOLDEN])[0]


def problems_of(directory: Path, changes: dict[str, tuple[str, str]]) -> list[str]:
    with pytest.raises(CatalogError) as raised:
        load_catalog(write_catalog(directory, changes))
    return [line.removeprefix(f"{directory}/") for line in str(raised.value).split("\n")]


def status_is(definition: str) -> tuple[str, str]:
    return STATUS, f"definition: {definition}\n}}"


def errors_are(definition: str) -> tuple[str, str]:
    return ERRORS, f'"{definition}"'


@pytest.mark.parametrize(
    ("file", "change", "where", "what"),
    [
        pytest.param(*case[1:], id=case[0])
        for case in [
            ("syntax of the file", SOURCE, ("format: LINE", "format LINE"), ":2:8:", "Expected"),
            ("unknown field", SOURCE, ("format:", "fromat:"), ":2:1:", "fromat"),
            ("unknown format", SOURCE, ("LINE", "XML"), ":2:9:", "XML"),
            ("no format", SOURCE, ("format: LINE", ""), ":1: format:", "KEY_VALUE, LEEF, LINE"),
            ("name is not the file's", SOURCE, ('"web"', '"www"'), ":1: name:", "web.textproto"),
            ("name is not a name", SOURCE, ('"web"', '"Web!"'), ":1: name:", "Web!"),
            ("syntax", SOURCE, status_is("'$1 +'"), ":11: fields[2].definition:", "SQL"),
            ("empty", SOURCE, status_is("' '"), ":11: fields[2].definition:", "empty"),
            ("file function", SOURCE, status_is("'read_text($1)'"), ":11: fields", "read_text"),
            ("getenv", SOURCE, status_is("\"getenv('HOME')\""), ":11: fields", "getenv"),
            ("schema", SOURCE, status_is("'main.upper($1)'"), ":11: fields", "schemas"),
            ("subquery", SOURCE, status_is("'(SELECT 1)'"), ":11: fields", "a subquery"),
            ("two statements", SOURCE, status_is("'1); SELECT (2'"), ":11: fields", "query"),
            ("no index", SOURCE, status_is("'$1 + $3'"), ":11: fields[2].definition:", "$3"),
            ("parameter 0", SOURCE, status_is("'$0'"), ":11: fields[2].definition:", "greater"),
            ("?", SOURCE, status_is("'?'"), ":11: fields[2].definition:", "? is not a raw"),
            ("a name", SOURCE, status_is("'client'"), ":11: fields[2].definition:", "$1, $2"),
            ("aggregate", SOURCE, status_is("'max($1)'"), ":11: fields[2]", "cannot aggregate"),
            ("wrong type", SOURCE, status_is("'sqrt([$1])'"), ":11: fields[2]", "sqrt"),
            ("no such group", SOURCE, ('x: "status"', 'x: "code"'), ":10: fields[2].index[0]", ""),
            ("type", SOURCE, ('"BIGINT"', '"INT128"'), ":9: fields[2].data_type:", "BIGINT"),
            ("field twice", SOURCE, ('"unused"', '"client"'), ":13: fields[3]:", "twice"),
            ("an event's column", SOURCE, ('"unused"', '"raw_line"'), ":13: fields[3].name:", ""),
            ("bad pattern", SOURCE, ("(?P<time>", "(?P<time>("), ":3: pattern:", "RE2"),
            ("Python's pattern", SOURCE, ("(?P<time>", "(?=a)(?P<time>"), ":3: pattern:", "RE2"),
            ("no group", SOURCE, ("(?P<", "(?:<"), ":", "fields"),
            ("group twice", SOURCE, ("<client>", "<TIME>"), ":3: pattern:", "same name"),
            ("no clock", SOURCE, ('event_time: "e', 'event_time: "f'), ":4: event_time:", "field"),
            ("clock's type", SOURCE, ('"TIMESTAMP"', '"DATE"'), ":4: event_time:", "TIMESTAMP"),
            ("no message", SOURCE, ("format", 'message: "m"\nformat'), ":2: message:", "'m'"),
            ("many places", FLOWS, ("flow.start", "$.flow[*]"), ":4: fields[0].index[0]:", "path"),
            ("broken path", FLOWS, ("flow.start", "$.flow["), ":4: fields[0].index[0]:", "path"),
            ("bare place", FLOWS, ("flow.start", "flows[0]"), ":4: fields[0].index[0]:", "path"),
            ("pattern of JSON", FLOWS, ("format", 'pattern: "(a)" format'), ":2: pattern:", "LINE"),
            ("header", SOURCE, ("format", "header: true format"), ":2: header:", "CSV and TSV"),
            ("start", SOURCE, ("format", 'record_start: "(" format'), ":2: record_start:", "RE2"),
            (
                "start of JSON",
                FLOWS,
                ("format", 'record_start: "^x" format'),
                ":2: record_start:",
                "LINE, SYSLOG",
            ),
            (
                "no such part of syslog",
                SOURCE,
                (PATTERN, "format: SYSLOG"),
                ":9: fields[2].index[0]:",
                "'status'; known: @day, @record, @time_zone, host",
            ),
            (
                "column without a header",
                FLOWS,
                ("format: JSON", "format: CSV"),
                ":4: fields[0].index[0]:",
                "1, 2",
            ),
            ("column 0", FLOWS, (CLOCK, AT_0 % ("TSV", "0")), ":4: fields[0].index[0]:", "1, 2"),
            ("no key", FLOWS, (CLOCK, AT_0 % ("CEF", "")), ":4: fields[0].index[0]:", "a name"),
            (
                "time zone",
                ENVIRONMENT,
                ("sources", 'time_zone: "Europe/Atlantis" sources'),
                ":2: time_zone:",
                "Europe/Oslo",
            ),
            (
                "channel",
                ENVIRONMENT,
                ("sources", 'channel: "nightly" sources'),
                ":2: channel:",
                "stable, canary",
            ),
            ("no source", VIEW, ('"web"', '"www"'), ":2: source:", "'www'"),
            ("no unit", EVENTS, ('event { entity: "client" }', ""), ":1: unit:", "window"),
            ("entity", VIEW, ('"client"', '"host"'), ":3: window.entity[0]:", "'host'"),
            ("no entity", VIEW, ('entity: "client"', ""), ":3: window:", "entity"),
            ("duration", VIEW, ('"5m"', '"7m"'), ":3: window.every:", "divides a day"),
            ("no field", VIEW, errors_are("max(code)"), ":8: features[1].definition:", "code"),
            ("window", VIEW, errors_are("count(*) OVER ()"), ":8: features[1]", "a window"),
            ("star", VIEW, errors_are("count(COLUMNS(*))"), ":8: features[1]", "*"),
            ("parameter", VIEW, errors_are("max($1)"), ":8: features[1].definition:", "sources"),
            (
                "no aggregate",
                VIEW,
                errors_are("status"),
                ":8: features[1].definition:",
                "aggregate",
            ),
            ("loose name", VIEW, errors_are("count(*) + status"), ":8: features[1]", "status"),
            ("aggregate", EVENTS, ("status >= 400", "max(status)"), ":4: features[0]", "aggregate"),
            ("feature twice", VIEW, ('"spare"', '"errors"'), ":10: features[2]:", "twice"),
            ("reserved", VIEW, ('"spare"', '"score"'), ":10: features[2].name:", "'score'"),
            ("date", VIEW, ('"BIGINT"', '"DATE"'), ":4: features[0].data_type:", "VARCHAR[]"),
            ("no view", GOLDEN, ('"web_5m"', '"web_1h"'), ":2: feature_view:", "'web_1h'"),
            ("no negatives", GOLDEN, ('"normal"', '"n" positive: true'), ":3: classes:", "not"),
            ("no positives", GOLDEN, (" positive: true", ""), ":3: classes:", "positive"),
            ("alias twice", GOLDEN, ('"normal"', '"Attack"'), ":4: classes[1]:", "'attack'"),
            ("no holdout", GOLDEN, (GROUP, ""), ":5: holdout:", "for ever"),
            ("holdout key", GOLDEN, ('keys: "c', 'keys: "d'), ":5: holdout.group.keys[0]:", "dl"),
            ("shares", GOLDEN, ("0.3", "0.9"), ":5: holdout.group:", "below 1"),
            (
                "times",
                GOLDEN,
                (GROUP, TIME_HOLDOUT % ("'2026-02'", "'x'")),
                ":5: holdout.time:",
                "",
            ),
            (
                "order of times in two zones",
                GOLDEN,
                (GROUP, TIME_HOLDOUT % ("'2026-02-01T00:30'", "'2026-02-01T01:00+01:00'")),
                ":5: holdout.time:",
                "validation_from < test_from",
            ),
            ("no golden", DETECTOR, ('"web_scan"', '"x"'), ":2: golden_dataset:", "'x'"),
            ("no feature", DETECTOR, ('"errors"', '"faults"'), ":4: features[1]:", "'faults'"),
            ("feature twice", DETECTOR, ('"errors"', '"requests"'), ":4: features[1]:", "twice"),
            (
                "family",
                DETECTOR,
                ("gradient_boosting { iterations: 10 }", ""),
                ":1: family:",
                "pca",
            ),
            ("rate", DETECTOR, ("0.01", "1.5"), ":6: operating_point.max_false", "0 and 1"),
            ("own threshold", DETECTOR, ("max_false_positive_rate", "significance"), ":6:", "pca"),
            ("no source", ENVIRONMENT, ('"web"', '"dns"'), ":2: sources[0]:", "'dns'"),
            ("no detector", ENVIRONMENT, ("web_scan_gb", "x"), ":3: detectors[0]:", "'x'"),
        ]
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(
    tmp_path: Path, file: str, change: tuple[str, str], where: str, what: str
) -> None:
    problems = problems_of(tmp_path, {file: change})
    assert any(line.startswith(f"{file}{where}") and what in line for line in problems), problems


def test_only_units_that_grow_can_alert_early(tmp_path: Path) -> None:
    early = DETECTOR, ('features: "requests"', 'features: "requests"\nearly: true')
    load_catalog(write_catalog(tmp_path / "windows", dict([early])))
    events = {
        GOLDEN: ("web_5m", "web_request"),
        DETECTOR: ('features: "requests"\nfeatures: "errors"', 'features: "failed"\nearly: true'),
    }

    (problem,) = problems_of(tmp_path / "events", events)

    assert problem.startswith(f"{DETECTOR}:4: early: an event is complete at once")


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        {
            SOURCE: status_is("'getenv($1)'"),
            VIEW: errors_are("max(code)"),
            DETECTOR: ("0.01", "1.5"),
            ENVIRONMENT: ('"web"', '"dns"'),
        },
    )
    assert [line.split(":")[0] for line in problems] == [SOURCE, VIEW, DETECTOR, ENVIRONMENT]


def test_all_files_that_cannot_be_read_are_reported_at_once(tmp_path: Path) -> None:
    changes = {SOURCE: ("LINE", "LINE {"), GOLDEN: ("feature_view", "view")}
    assert [line.split(":")[0] for line in problems_of(tmp_path, changes)] == [SOURCE, GOLDEN]


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    write_catalog(tmp_path)
    (tmp_path / SOURCE).write_bytes(b'name: "w\xff"')
    with pytest.raises(CatalogError, match=r"web\.textproto:1: cannot be read as UTF-8"):
        load_catalog(tmp_path)


def test_a_directory_that_is_no_catalog_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="WHETSTONE_CATALOG"):
        load_catalog(tmp_path / "nowhere")


def test_lines_are_right_in_every_notation_of_the_text_format(tmp_path: Path) -> None:
    write_catalog(tmp_path)
    (tmp_path / VIEW).write_text(
        """# a comment with { and "
name: "web_5m", source: 'web'
window: < entity: ["client",
  "host"] every: "5m" >
features: [
  { name: "requests" data_type: "BIGINT" definition: "count(*)" },
  { name: "errors" data_type: "BIGINT"
    definition: "count(*) "
                "FILTER (WHERE kode > 4)" }
]
features { name: "spare"; data_type: "TEXT"; definition: "count(*)"; }
"""
    )
    with pytest.raises(CatalogError) as raised:
        load_catalog(tmp_path)
    found = [line.split(": ")[:2] for line in str(raised.value).split("\n")]
    assert [(where.rpartition(":")[2], path) for where, path in found] == [
        ("4", "window.entity[1]"),
        ("8", "features[1].definition"),
        ("11", "features[2].data_type"),
    ]


def test_the_same_text_elsewhere_is_read_for_itself(tmp_path: Path) -> None:
    there, here = (load_catalog(write_catalog(tmp_path / name)).sources["web"] for name in "ab")
    there.fields[0].definition = "changed"
    assert here.fields[0].definition != "changed"
    assert load_catalog(tmp_path / "a").sources["web"] == here
    wrong = {DETECTOR: ('"errors"', '"faults"')}
    assert problems_of(tmp_path / "c", wrong) == problems_of(tmp_path / "d", wrong) != []
