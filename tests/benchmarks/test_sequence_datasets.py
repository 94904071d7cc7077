"""ADFA-LD, OpenStack and Hadoop as parts: what trains, what tests, and how it is labelled."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.datasets import MissingDataError, Part, load, read_lines


def labels(part: Part) -> Counter[str]:
    return Counter(line.split(",")[1] for line in list(read_lines(part.labels))[1:])


def parts(name: str, data: Path, into: Path) -> tuple[Part, Part]:
    train, test = load(name).parts(data, into)
    assert (train.split, test.split) == ("train", "test")
    return train, test


def test_adfa_ld_trains_on_normal_traces_and_tests_on_the_others(
    real_data: Path, tmp_path: Path
) -> None:
    train, test = parts("adfa_ld", real_data, tmp_path)
    assert labels(train) == {"normal": 833}
    found = labels(test)
    assert found["normal"] >= 2199 and len(found) == 7
    assert sum(1 for _ in read_lines(test.raw)) == found.total()


def test_halves_of_adfa_ld_that_stand_side_by_side_are_put_together(tmp_path: Path) -> None:
    (tmp_path / "adfa_ld").mkdir()
    for half in "AB":
        lines = f"UTD-{half}\ttrain\tnormal\t1 2\nX_{half}\tattack\tAdduser\t3\n"
        (tmp_path / "adfa_ld" / f"adfa_ld_{half}.tsv").write_text(lines)
    train, test = parts("adfa_ld", tmp_path, tmp_path)
    assert [line.split("\t")[0] for line in read_lines(train.raw)] == ["UTD-A", "UTD-B"]
    assert labels(test) == {"Adduser": 2}


@pytest.mark.parametrize(
    ("name", "normal", "anomalous"), [("openstack", 1871, 198), ("hadoop", 167, 811)]
)
def test_sessions_are_split_by_their_names_and_none_is_lost(
    name: str, normal: int, anomalous: int, real_data: Path, tmp_path: Path
) -> None:
    train, test = parts(name, real_data, tmp_path)
    found = labels(train) + labels(test)
    assert (found["Normal"], found.total() - found["Normal"]) == (normal, anomalous)
    assert 0.25 < labels(test).total() / found.total() < 0.35
    header = "session_id,split,label,keys"
    assert [next(read_lines(part.raw)) for part in (train, test)] == [header, header]


@pytest.mark.parametrize("name", ["adfa_ld", "openstack", "hadoop"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no such file"):
        load(name).parts(tmp_path, tmp_path)
