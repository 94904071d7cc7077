"""Raw files and labels that people hand in: landed, contributed, tried."""

import gzip
from pathlib import Path

import pytest
from command import Command

from tests.assets.installation import DAYS, Installation

AUTH = (
    "Mar 10 11:59:01 berlin-app2 sshd[4711]: Failed password for root from 203.0.113.99"
    " port 40001 ssh2\n"
)
BERLIN = ("--source", "sshd", "--environment", "berlin", "--day", DAYS[-1])


def file(tmp_path: Path, content: str | bytes, name: str = "auth.log") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def tried(command: Command, source: str, path: Path) -> dict[str, int]:
    """What became of a file's lines; they are all accounted for."""
    result = command.good("catalog", "test", source, path, "--day", DAYS[-1])
    accounted = result["parsed"] + result["skipped"] + sum(result["rejects"].values())
    assert result["lines"] == accounted
    assert (result["lines_per_second"] > 0) == (result["lines"] > 0)
    return {"parsed": result["parsed"], **result["rejects"]}


class TestLand:
    def test_a_file_lands_once_however_often_it_is_handed_in(
        self, fresh: Command, tmp_path: Path
    ) -> None:
        first = fresh.good("land", file(tmp_path, AUTH), *BERLIN)["landed"]
        again = fresh.good("land", file(tmp_path, AUTH, "copy.log"), *BERLIN)["landed"]
        assert [one["new"] for one in (*first, *again)] == [True, False]
        assert first[0]["path"] == again[0]["path"]
        assert Path(first[0]["path"]).read_text() == AUTH

    def test_other_content_of_the_same_name_lands_beside_it(
        self, fresh: Command, tmp_path: Path
    ) -> None:
        fresh.good("land", file(tmp_path, AUTH), *BERLIN)
        second = fresh.good("land", file(tmp_path, AUTH * 2), *BERLIN)["landed"][0]
        assert second["new"]
        kept = [path.read_text() for path in Path(second["path"]).parent.glob("*auth.log")]
        assert sorted(kept) == [AUTH, AUTH * 2]

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"--environment": "atlantis"}, "atlantis"),
            ({"--source": "abacus"}, "abacus"),
            ({"--day": "tomorrow"}, "YYYY-MM-DD"),
        ],
    )
    def test_what_the_catalog_does_not_know_is_refused(
        self, fresh: Command, tmp_path: Path, changed: dict[str, str], said: str
    ) -> None:
        options = dict(zip(BERLIN[::2], BERLIN[1::2], strict=True)) | changed
        flat = [part for option in options.items() for part in option]
        assert said in fresh.refused("land", file(tmp_path, AUTH), *flat)
        assert not (fresh.home / "landing").exists()

    def test_an_empty_a_missing_and_a_wrong_file_are_refused(
        self, fresh: Command, tmp_path: Path
    ) -> None:
        assert "empty" in fresh.refused("land", file(tmp_path, ""), *BERLIN)
        assert "no such file" in fresh.refused("land", tmp_path / "missing.log", *BERLIN)
        assert str(tmp_path) in fresh.refused("land", tmp_path, *BERLIN)


class TestContribute:
    @pytest.fixture
    def raw(self, real_data: Path, tmp_path: Path) -> Path:
        """The first real lines of HDFS, and only those."""
        with gzip.open(real_data / "hdfs/raw/HDFS_sessions_early30pct.log.gz", "rt") as lines:
            return file(tmp_path, "".join(next(lines) for _ in range(400)), "hdfs.log")

    BLOCK = "blk_4394112519745907149"

    def contribute(
        self, command: Command, raw: Path, labels: str, name: str = "l.csv"
    ) -> list[str]:
        path = file(raw.parent, labels, name)
        return ["contribute", "hdfs_blocks", str(raw), "--labels", str(path), "--by", "ada"]

    def test_labelled_logs_are_accepted_once(self, fresh: Command, raw: Path) -> None:
        call = self.contribute(fresh, raw, f"unit,label\n{self.BLOCK},Anomaly\n*,Normal\n")
        said = fresh.good(*call, "--preview")
        assert not (fresh.home / "contributions").exists()
        first, again = fresh.good(*call), fresh.good(*call)
        assert said["new"] == said["examples"] == first["examples"]
        assert first["new"]
        assert not again["new"]
        assert first["id"] == again["id"]
        assert first["lines"] == 400
        assert first["examples"] == first["units"] > 1
        assert first["labels_without_unit"] == 0
        assert len(list((fresh.home / "contributions" / "hdfs_blocks").iterdir())) == 1

    def test_columns_go_by_name_in_any_order_and_labels_may_be_zipped(
        self, fresh: Command, raw: Path
    ) -> None:
        labels = f"note,label,session_id\nwhy,abnormal,{self.BLOCK}\n"
        call = self.contribute(fresh, raw, labels, "labels.csv")
        zipped = raw.parent / "labels.csv.gz"
        zipped.write_bytes(gzip.compress(labels.encode()))
        assert fresh.good(*call)["examples"] == 1
        assert fresh.good(*[str(zipped) if "labels.csv" in x else x for x in call])["examples"] == 1

    def test_labels_for_sessions_that_do_not_exist_are_counted_and_said(
        self, fresh: Command, raw: Path
    ) -> None:
        labels = f"unit,label\n{self.BLOCK},normal\nblk_1,normal\nblk_2,anomaly\n"
        result = fresh.run(*self.contribute(fresh, raw, labels), "--json")
        assert result.code == 0
        assert result.json["labels_without_unit"] == 2
        assert result.json["examples"] == 1
        assert "warning: 2 labels name no unit" in result.err

    def test_labels_that_fit_nothing_are_refused_and_nothing_is_kept(
        self, fresh: Command, raw: Path
    ) -> None:
        said = fresh.refused(*self.contribute(fresh, raw, "unit,label\nblk_1,normal\n"))
        assert "no label fits" in said
        assert "check the unit column" in said
        assert not (fresh.home / "contributions").exists()

    @pytest.mark.parametrize(
        ("labels", "said"),
        [
            ("unit,label\nblk_1,normal\nblk_2,strange\n", "l.csv:3: label: 'strange'"),
            ("who,label\nblk_1,normal\n", "no column names the unit"),
            ("unit,verdict\nblk_1,normal\n", "no column `label`"),
            ("unit,label\n", "no labels"),
            ("unit,start,label\nblk_1,yesterday,normal\n", "l.csv:2: start: 'yesterday'"),
            ("", "l.csv"),
        ],
    )
    def test_labels_that_cannot_be_used_are_refused_with_line_and_column(
        self, fresh: Command, raw: Path, labels: str, said: str
    ) -> None:
        assert said in fresh.refused(*self.contribute(fresh, raw, labels))

    def test_zipped_labels_that_break_off_are_refused(self, fresh: Command, raw: Path) -> None:
        call = self.contribute(fresh, raw, "")
        whole = gzip.compress(b"unit,label\n" + b"blk_1,normal\n" * 500)
        (raw.parent / "l.csv").write_bytes(whole[:-30])
        assert "l.csv: cannot be read" in fresh.refused(*call)


class TestCatalogTest:
    def test_a_truncated_gzip_gives_what_came_before_and_one_reject(
        self, looking: Command, tmp_path: Path
    ) -> None:
        lines = "".join(AUTH.replace("40001", str(port)) for port in range(10_000, 60_000))
        whole = gzip.compress(lines.encode())
        path = file(tmp_path, whole[: len(whole) // 2], "auth.log.gz")
        became = tried(looking, "sshd", path)
        assert became["parsed"] > 10_000
        (reason,) = (name for name in became if "breaks off" in name)
        assert became[reason] == 1

    def test_bytes_that_are_no_text_are_a_reject(self, looking: Command, tmp_path: Path) -> None:
        path = file(tmp_path, AUTH.encode() + b"\xff\xfe\x00 \xc3(\n" + AUTH.encode())
        assert tried(looking, "sshd", path) == {"parsed": 2, "not UTF-8": 1}

    def test_a_line_of_50_megabytes_is_a_reject(self, looking: Command, tmp_path: Path) -> None:
        path = file(tmp_path, AUTH.encode() + b"x" * (50 << 20) + b"\n" + AUTH.encode())
        assert tried(looking, "sshd", path) == {"parsed": 2, "line too long": 1}

    def test_an_empty_file_has_no_lines(self, looking: Command, tmp_path: Path) -> None:
        assert tried(looking, "sshd", file(tmp_path, "")) == {"parsed": 0}

    @pytest.mark.parametrize(
        "bomb",
        [
            "[" * 500_000,
            '{"event_type":"flow","a":' + '{"a":' * 150_000 + "1" + "}" * 150_001,
            '{"event_type":"flow",' + '"a":1,' * 150_000 + '"b":2}',
        ],
        ids=["open brackets", "deep", "wide"],
    )
    def test_a_json_bomb_does_not_hurt_its_neighbours(
        self, looking: Command, settled: Installation, tmp_path: Path, bomb: str
    ) -> None:
        good = settled.landed("suricata_flow").read_text().splitlines()
        flows = [line for line in good if '"event_type":"flow"' in line.replace(" ", "")][:50]
        alone = tried(looking, "suricata_flow", file(tmp_path, "\n".join(flows)))
        bombed = file(tmp_path, "\n".join([*flows[:25], bomb, *flows[25:]]))
        became = tried(looking, "suricata_flow", bombed)
        assert became["parsed"] == alone["parsed"] > 0
        assert sum(became.values()) == sum(alone.values()) + 1

    def test_log_text_cannot_drive_the_terminal(self, looking: Command, tmp_path: Path) -> None:
        evil = AUTH.replace("root", "\x1b]0;owned\x07[bold]\u202e")
        result = looking.run("catalog", "test", "sshd", file(tmp_path, evil), "--day", DAYS[-1])
        assert "\\x1b]0;owned\\x07[bold]\\x202e" in result.out
        assert not {"\x1b", "\x07", "\u202e"} & set(result.out)

    def test_an_unknown_source_is_refused(self, looking: Command, tmp_path: Path) -> None:
        assert "abacus" in looking.refused("catalog", "test", "abacus", file(tmp_path, AUTH))


class TestCatalogCheck:
    @pytest.fixture
    def definition(self, installation: Installation) -> Path:
        return installation.settings.catalog / "features" / "sshd_source_5m.textproto"

    def test_a_syntax_error_is_named_with_file_and_line(
        self, whetstone: Command, definition: Path
    ) -> None:
        lines = definition.read_text().splitlines()
        definition.write_text("\n".join([*lines[:4], "name ???", *lines[4:]]))
        assert "sshd_source_5m.textproto:5:" in whetstone.refused("catalog", "check")

    def test_a_forbidden_function_is_named_with_file_line_and_field(
        self, whetstone: Command, definition: Path
    ) -> None:
        before, feature, after = definition.read_text().partition("features {")
        bad = (
            'features {\n  name: "leak"\n  display_name: "Leak"\n  data_type: "BIGINT"\n'
            "  definition: \"max(length(getenv('HOME')))\"\n}\n"
        )
        definition.write_text(before + bad + feature + after)
        line = (before + bad).count("\n") - 1
        said = whetstone.refused("catalog", "check")
        assert f"sshd_source_5m.textproto:{line}" in said
        assert "definition" in said
        assert "getenv" in said

    def test_what_definitions_may_use_is_listed(self, looking: Command) -> None:
        listed = looking.run("catalog", "check", "--functions").out
        assert "regexp_extract" in listed
        assert "getenv" not in listed
