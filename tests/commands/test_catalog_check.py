"""`whetstone catalog check`: errors stop, hints advise."""

import re
from pathlib import Path

import pytest
from command import Command

from tests.catalog.catalog_files import DETECTOR, ENVIRONMENT, SOURCE, VIEW, write_catalog

GOOD = 'samples: "2026-03-01T10:00:00 10.0.0.1 404"\n'
REGEXES = "".join(
    f'fields {{ name: "part_{n}" data_type: "VARCHAR" index: "client"'
    f" definition: \"regexp_extract($1, 'x{n}')\" }}\n"
    for n in range(8)
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A small catalog whose only source has a sample."""
    directory = write_catalog(tmp_path / "catalog")
    edit(directory, SOURCE, "format: LINE", f"format: LINE\n{GOOD}")
    return directory


@pytest.fixture
def check(written: Path, tmp_path: Path) -> Command:
    return Command(tmp_path / "home", written)


def edit(directory: Path, file: str, old: str, new: str) -> None:
    path = directory / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def hints(check: Command, kind: str) -> dict[str, list[str]]:
    """The hints of a kind, by file and field."""
    found: dict[str, list[str]] = {}
    for hint in check.good("catalog", "check")["hints"]:
        if hint["kind"] == kind:
            name = Path(hint["file"]).relative_to(check.catalog)
            found.setdefault(f"{name} {hint['field']}", []).append(hint["text"])
    return found


def test_what_nobody_uses_is_named_where_it_stands(check: Command) -> None:
    unused = hints(check, "unused")
    assert unused["features/web_5m.textproto features[2]"] == ["no detector uses spare"]
    assert unused["features/web_request.textproto features[0]"] == ["no detector uses failed"]
    assert any("golden dataset" in text for text in unused["features/web_request.textproto name"])
    # `unused` is read by the feature `spare`; `flows` by no view and of no environment.
    assert not any(field.startswith("sources/web") for field in unused)
    assert len(unused["sources/flows.textproto name"]) == 2


def test_a_field_that_no_view_reads_is_named(check: Command, written: Path) -> None:
    edit(written, VIEW, "max(unused)", "max(status)")
    (text,) = hints(check, "unused")["sources/web.textproto fields[3]"]
    assert "no feature view reads unused" in text


def test_a_detector_whose_alerts_nobody_gets_is_named(check: Command, written: Path) -> None:
    edit(written, ENVIRONMENT, 'detectors: "web_scan_gb"\n', "")
    (text,) = hints(check, "unused")["detectors/web_scan_gb.textproto name"]
    assert "nobody gets its alerts" in text


def test_groups_that_no_field_uses_and_patterns_that_are_not_anchored_are_named(
    check: Command, written: Path
) -> None:
    edit(written, SOURCE, "^(?P<time>\\\\S+) ", "(?P<time>\\\\S+) (?P<lost>x?)(y?)")
    assert "lost" in hints(check, "unused")["sources/web.textproto pattern"][0]
    assert "begin it with ^" in hints(check, "anchor")["sources/web.textproto pattern"][0]
    assert "1 groups have no name" in hints(check, "cost")["sources/web.textproto pattern"][0]


def test_many_regular_expressions_over_one_text_are_measured_on_the_samples(
    check: Command, written: Path
) -> None:
    edit(written, SOURCE, 'fields { name: "unused"', f'{REGEXES}fields {{ name: "unused"')
    (text,) = hints(check, "cost")["sources/web.textproto fields[3]"]
    assert text.startswith("8 regular expressions read client (part_0, part_1")
    nanoseconds = re.search(r"([\d,]+) ns a record", text)
    assert nanoseconds is not None
    assert 0 < int(nanoseconds[1].replace(",", "")) < 1_000_000


def test_a_name_that_sounds_personal_and_is_not_marked_is_named(
    check: Command, written: Path
) -> None:
    edit(written, SOURCE, 'name: "client"', 'name: "client_ip"')
    edit(written, VIEW, 'entity: "client"', 'entity: "client_ip"')
    edit(written, "features/web_request.textproto", 'entity: "client"', 'entity: "client_ip"')
    edit(written, "golden/web_scan.textproto", 'keys: "client"', 'keys: "client_ip"')
    (text,) = hints(check, "personal")["sources/web.textproto fields[1].name"]
    assert "personal_data: ADDRESS" in text
    edit(written, SOURCE, 'name: "client_ip"', 'name: "client_ip" personal_data: ADDRESS')
    assert not hints(check, "personal")


def test_a_source_without_samples_is_a_hint(check: Command) -> None:
    assert list(hints(check, "sample")) == ["sources/flows.textproto samples"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("10:00:00 10.0.0.1 404", "10:00:00 10.0.0.1"), "pattern does not match"),
        (("2026-03-01T10", "2026-13-01T10"), "event_time: no value"),
        (
            ("format: LINE", "format: LINE accept { index: 'status' definition: \"$1 = '200'\" }"),
            "`accept` is not true",
        ),
    ],
)
def test_a_sample_that_does_not_parse_is_an_error(
    check: Command, written: Path, change: tuple[str, str], reason: str
) -> None:
    edit(written, SOURCE, *change)
    said = check.refused("catalog", "check")
    assert "sources/web.textproto:3: samples[0]: does not parse: " in said
    assert reason in said


def test_each_sample_is_judged_by_itself(check: Command, written: Path) -> None:
    edit(written, SOURCE, GOOD, f'{GOOD}samples: "nonsense"\n{GOOD}samples: "more"\n')
    said = check.refused("catalog", "check")
    assert re.findall(r"samples\[(\d)\]", said) == ["1", "3"]


def test_errors_are_json_too_and_end_with_1(check: Command, written: Path) -> None:
    edit(written, DETECTOR, '"errors"', '"faults"')
    result = check.run("catalog", "check", "--json")
    assert result.code == 1
    (error,) = result.json["errors"]
    assert "web_scan_gb.textproto:4: features[1]" in error


def test_hints_are_a_table_with_places_and_end_with_0(check: Command) -> None:
    result = check.run("catalog", "check")
    assert result.code == 0
    assert "2 sources, 2 feature views" in result.out
    row = next(line for line in result.out.splitlines() if "no detector uses spare" in line)
    assert re.match(r"features/web_5m\.textproto:10 +unused +no detector", row)


def test_what_spark_cannot_run_is_a_hint_until_spark_is_the_engine(
    check: Command, written: Path
) -> None:
    edit(written, VIEW, "max(unused)", "arg_max(status, event_time)")
    assert list(hints(check, "spark")) == ["features/web_5m.textproto features[2].definition"]
    on_spark = Command(check.home, check.catalog, variables={"WHETSTONE_ENGINE": "spark"})
    said = on_spark.refused("catalog", "check")
    assert "web_5m.textproto:10: features[2].definition: arg_max" in said


def test_the_shipped_catalog_is_counted_and_has_samples_that_parse(fresh: Command) -> None:
    result = fresh.good("catalog", "check")
    for kind in ("sources", "detectors"):
        assert result[kind] == len(list((fresh.catalog / kind).glob("*.textproto"))) > 0
    assert result["errors"] == []
    assert not [hint for hint in result["hints"] if hint["kind"] == "sample"]
