"""Labels as people hand them in: columns go by name, mistakes by file and line."""

from pathlib import Path

import pytest
from golden_worlds import World, dataset_of, line

from whetstone.errors import InputError
from whetstone.labels import Labels, read_labels


def read(directory: Path, text: str, entity: tuple[str, ...] = ("ip",)) -> Labels:
    file = directory / "labels.csv"
    file.write_text(text, encoding="utf-8")
    return read_labels(file, dataset_of(), entity)


def rows(labels: Labels) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in labels.table.to_pylist()]


@pytest.mark.parametrize(
    "text",
    [
        "unit,label\n10.0.0.1,scan\n10.0.0.2,benign\n",
        "label,unit\nscan,10.0.0.1\nbenign,10.0.0.2\n",
        "note,LABEL, Unit ,more\nx,scan,10.0.0.1,1\n,benign,10.0.0.2,\n",
        "session_id,label\n10.0.0.1,attack\n10.0.0.2,NORMAL\n",
        "ip,label\n10.0.0.1,1\n10.0.0.2,0\n",
        '\ufeffentity,label\r\n"10.0.0.1"," Scan "\r\n 10.0.0.2 ,benign\r\n',
    ],
    ids=["plain", "other order", "more columns", "aliases", "entity field", "spreadsheet"],
)
def test_columns_go_by_their_names_and_classes_by_name_or_alias(tmp_path: Path, text: str) -> None:
    assert rows(read(tmp_path, text)) == [
        ("10.0.0.1", None, None, "scan", True),
        ("10.0.0.2", None, None, "benign", False),
    ]


def test_times_are_utc_unless_they_say_otherwise(tmp_path: Path) -> None:
    labels = read(
        tmp_path,
        "unit,label, Start,END\n"
        "a,scan,2026-03-01T00:00:00,2026-03-01 01:00\n"
        "b,scan,2026-03-01T01:30:00+02:00,2026-03-01T00:00:00Z\n"
        "c,scan,,\n",
    )
    assert [tuple(map(str, row[1:3])) for row in rows(labels)] == [
        ("2026-03-01 00:00:00", "2026-03-01 01:00:00"),
        ("2026-02-28 23:30:00", "2026-03-01 00:00:00"),
        ("None", "None"),
    ]


def test_a_star_labels_the_rest(tmp_path: Path) -> None:
    labels = read(tmp_path, "unit,label\n*,normal\n10.0.0.1,scan\n")
    assert labels.rest == ("benign", False)
    assert len(rows(labels)) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unit,label\na,scan\nb,evil\n", r"labels\.csv:3: label: 'evil' is no class of web_scan"),
        ("unit,label\na,\n", r"labels\.csv:2: label: '' is no class"),
        ("unit,label\n,scan\n", r"labels\.csv:2: unit: is empty"),
        ("unit,label\na\n", r"labels\.csv:2: label: '' is no class"),
        ("unit,label,start\na,scan,today\n", r"labels\.csv:2: start: 'today' is not ISO 8601"),
        (
            "unit,label,end\na,scan,0001-01-01T00:00+10:00\n",
            r"labels\.csv:2: end: '0001-01-01T00:00\+10:00' is not",
        ),
        ("host,label\na,scan\n", r"labels\.csv:1: no column names the unit; write one of: unit"),
        ("unit,class\na,scan\n", r"labels\.csv:1: no column `label`; the header has: unit, class"),
        ("unit,label\n", r"labels\.csv:1: there are no labels"),
        ("", r"labels\.csv:1: no column names the unit"),
        ("unit,label\n*,scan\n*,benign\n", r"\* stands 2 times"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(tmp_path, text)


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(b"unit,label\n\xff,scan\n")
    with pytest.raises(InputError, match=r"labels\.csv: cannot be read as a CSV of labels"):
        read_labels(file, dataset_of(), ("ip",))


def test_a_label_names_the_whole_unit_or_the_value_of_one_entity(tmp_path: Path) -> None:
    world = World(tmp_path, "event")
    lines = [line(0, "a", "x"), line(1, "a", "y"), line(2, "b", "x"), line(3, "c", "z")]
    labelled = world.contribute(lines, "unit,label\na|y,scan\nb,scan\nz,benign\n*,normal\n")
    assert world.build([labelled]).labels() == {
        "a|x 00:00": "benign",
        "a|y 00:01": "scan",
        "b|x 00:02": "scan",
        "c|z 00:03": "benign",
    }


def test_a_time_range_labels_the_windows_that_it_touches_and_no_other(tmp_path: Path) -> None:
    world = World(tmp_path)
    lines = [line(minute) for minute in (0, 4, 5, 9, 10, 15, 20)]
    labels = "unit,label,start,end\n10.0.0.1,scan,2026-03-01T00:05:00,2026-03-01T00:12:00\n"
    built = world.build([world.contribute(lines, labels + "*,benign,,\n")])
    # The window from 00:00 ends at 00:05, which does not belong to it.
    assert built.labels() == {
        "10.0.0.1 00:00": "benign",
        "10.0.0.1 00:05": "scan",
        "10.0.0.1 00:10": "scan",
        "10.0.0.1 00:15": "benign",
        "10.0.0.1 00:20": "benign",
    }


def test_a_time_range_labels_the_sessions_that_it_touches(tmp_path: Path) -> None:
    world = World(tmp_path, "session")
    lines = [line(0, session="a"), line(5, session="a"), line(6, session="b"), line(9, session="b")]
    labels = "unit,label,start,end\na,scan,2026-03-01T00:05,\nb,scan,,2026-03-01T00:05:59\n"
    built = world.build([world.contribute(lines, labels)])
    assert built.labels() == {"a 00:00": "scan"}
    assert list(built.golden.unmatched.values()) == [1]


def test_labels_of_units_that_do_not_exist_are_counted(tmp_path: Path) -> None:
    world = World(tmp_path, "session")
    one = world.contribute([line(0, session="a")], "unit,label\na,scan\ngone,scan\nlost,benign\n")
    other = world.contribute([line(1, session="b")], "unit,label\nb,benign\n")
    built = world.build([one, other])
    assert built.golden.unmatched == {one.id: 2}
    assert built.labels() == {"a 00:00": "scan", "b 00:01": "benign"}


def test_without_a_star_what_no_row_names_is_no_example(tmp_path: Path) -> None:
    world = World(tmp_path)
    lines = [line(0, "a"), line(0, "b")]
    assert world.build([world.contribute(lines, "ip,label\na,scan\n")]).labels() == {
        "a 00:00": "scan"
    }
