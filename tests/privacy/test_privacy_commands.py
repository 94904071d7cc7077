"""From raw logs to alerts with a policy, back to who it was, and to where nobody knows any more."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.assets.installation import DAYS, Installation, install
from tests.commands.command import Command
from whetstone.landing import landed_files
from whetstone.parsing import parse_files

ROOT = Path(__file__).resolve().parent.parent.parent
POLICY = "privacy { addresses: PSEUDONYM users: PSEUDONYM hosts: PSEUDONYM }\n"
PERSONAL = {"sshd": ("src_ip", "user", "host"), "suricata_flow": ("src_ip", "dest_ip")}
DETECTOR = "ssh_bruteforce_gb"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A site with a policy, everything made. Do not change it."""
    installation = install(tmp_path_factory.mktemp("protected") / "installation", ROOT)
    definition = installation.settings.catalog / "environments" / "berlin.textproto"
    definition.write_text(definition.read_text() + POLICY)
    installation.settle()
    return installation


@pytest.fixture
def site(settled: Installation, tmp_path: Path) -> Installation:
    """The same for a test that changes it."""
    return settled.copied_to(tmp_path / "installation")


def command_on(installation: Installation) -> Command:
    return Command(installation.settings.home, installation.settings.catalog)


def rows_beside_originals(site: Installation, source: str, day: str) -> Iterator[dict[str, str]]:
    """Of each event its personal fields as they are stored, and as they are in the raw file."""
    definition = site.open().catalog.sources[source]
    files = landed_files(site.settings.landing, source, day)
    columns = PERSONAL[source]
    stored = f"{site.settings.lake}/parsed/{source}/day={day}/part.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        parse_files(connection, definition, files, day, 1 << 20)
        selected = ", ".join(f'l."{c}" AS "{c}", e."{c}" AS "original {c}"' for c in columns)
        yield from (
            connection.sql(
                f"SELECT l.key_id, {selected}, l.raw_line FROM '{stored}' l"
                " JOIN events e USING (raw_file, raw_line)"
            )
            .to_arrow_table()
            .to_pylist()
        )


def address_behind(site: Installation, pseudonym: str) -> str:
    """The address of a pseudonym, by the raw file."""
    found = {
        row["original src_ip"]
        for day in DAYS
        for row in rows_beside_originals(site, "sshd", day)
        if row["src_ip"] == pseudonym
    }
    assert len(found) == 1
    return found.pop()


def test_no_event_of_the_lake_bears_what_its_raw_line_says(settled: Installation) -> None:
    for source, columns in PERSONAL.items():
        rows = list(rows_beside_originals(settled, source, DAYS[0]))
        assert len(rows) > 50
        assert {row["key_id"] for row in rows} <= {f"berlin/{day}" for day in DAYS}
        for column in columns:
            pairs = {(row[column], row[f"original {column}"]) for row in rows} - {(None, None)}
            assert all(stored != original for stored, original in pairs)
            assert len({s for s, _ in pairs}) == len({o for _, o in pairs}) == len(pairs)
    result = command_on(settled).run("privacy", "scan", "--json")
    assert (result.code, result.json["left_over"]) == (0, [])


def test_the_address_behind_an_alert_is_told_to_who_says_why(site: Installation) -> None:
    whetstone = command_on(site)
    alert = site.alerts(DETECTOR)[0]
    told = whetstone.good(
        "privacy", "reidentify", alert.alert_id[:8], "--why", "incident 4711", "--who", "ada"
    )
    (entity,) = told["entity"]
    assert entity["pseudonym"] == alert.entity["src_ip"]
    assert entity["value"] == address_behind(site, alert.entity["src_ip"]) != entity["pseudonym"]
    (entry,) = whetstone.good("privacy", "audit")["entries"]
    assert entry["who"].startswith("ada (")
    assert (entry["what"], entry["why"]) == ("reidentify", "incident 4711")
    assert entry["details"]["alert"] == alert.alert_id
    assert entity["value"] not in json.dumps(entry)


def test_without_a_reason_or_a_key_nothing_is_told(site: Installation) -> None:
    whetstone = command_on(site)
    alert = site.alerts(DETECTOR)[0]
    assert whetstone.run("privacy", "reidentify", alert.alert_id).code == 2
    assert "why" in whetstone.refused("privacy", "reidentify", alert.alert_id, "--why", " ")
    assert whetstone.good("privacy", "audit")["entries"] == []
    forgotten = whetstone.good(
        "privacy", "forget", "--environment", "berlin", "--before", "2026-04-01"
    )
    assert forgotten["keys"] == len(DAYS)
    message = whetstone.refused("privacy", "reidentify", alert.alert_id, "--why", "too late")
    assert "dropped" in message
    entries = whetstone.good("privacy", "audit")["entries"]
    assert [entry["what"] for entry in entries] == ["forget", "reidentify"]
    assert site.plan().idle


def test_a_changed_audit_log_is_told(site: Installation) -> None:
    whetstone = command_on(site)
    for _ in range(2):
        whetstone.good("privacy", "rotate", "berlin", "--who", "ada")
    path = site.settings.privacy_audit
    path.write_text(path.read_text().replace("ada", "eve", 1))
    result = whetstone.run("privacy", "audit")
    assert result.code == 1
    assert "line 2 does not follow" in result.out


def test_a_forgotten_subject_is_in_no_file_and_no_model_learned_from_it(
    site: Installation,
) -> None:
    whetstone = command_on(site)
    alert = site.alerts(DETECTOR)[0]
    address = address_behind(site, alert.entity["src_ip"])
    site.judge({alert.alert_id: "true_positive"})
    site.settle()
    assert "verdict:" in origins_of(site)
    ask = ("privacy", "forget", "--environment", "berlin", "--subject", f"address={address}")
    announced = whetstone.good(*ask, "--dry-run")
    assert announced["records"] > 0
    assert announced["alerts"] > 0
    assert site.plan().idle
    done = whetstone.good(*ask, "--why", "request 12")
    assert done == announced | {"dry_run": False}
    made = site.settle()
    assert {f"parsed/sshd[{alert.event_timestamp:%Y-%m-%d}]", "golden/ssh_bruteforce"} <= made
    assert f"model/{DETECTOR}" in made
    assert "verdict:" not in origins_of(site)
    assert all(
        address.encode() not in path.read_bytes()
        for root in (site.settings.landing, site.settings.contributions)
        for path in root.rglob("*")
        if path.is_file() and "sshd" in path.parts
    )
    assert whetstone.good(*ask, "--dry-run")["records"] == 0
    with site.cases() as cases:
        erased = cases.alert(alert.alert_id)
    assert (erased.unit, erased.entity, erased.explanation) == ("[erased]", {}, [])
    assert [verdict.value for verdict in erased.verdicts] == ["true_positive"]
    with duckdb.connect() as connection:
        (left,) = connection.execute(
            f"""SELECT count(*) FROM '{site.settings.lake}/parsed/sshd/day=*/part.parquet'
                WHERE src_ip = $1 AND key_id = $2""",
            [alert.entity["src_ip"], f"berlin/{alert.event_timestamp:%Y-%m-%d}"],
        ).fetchall()[0]
    assert left == 0


def origins_of(site: Installation) -> str:
    """Where the examples of the golden dataset are from."""
    examples = f"{site.settings.lake}/golden/ssh_bruteforce/part.parquet"
    return str(duckdb.sql(f"SELECT DISTINCT origin FROM '{examples}' ORDER BY ALL").fetchall())


def test_days_that_are_forgotten_with_their_raw_files_leave_none(site: Installation) -> None:
    whetstone = command_on(site)
    ask = ("privacy", "forget", "--environment", "berlin", "--before", DAYS[1])
    assert whetstone.good(*ask, "--dry-run")["raw_files_that_stay"] == len(PERSONAL) + 1
    assert whetstone.good(*ask, "--raw")["raw_files_removed"] == len(PERSONAL) + 1
    assert not [path for path in site.settings.landing.glob(f"*/*/{DAYS[0]}/*") if path.is_file()]
    assert [path.name for path in site.settings.landing.glob(f"*/sshd/{DAYS[1]}")] == [DAYS[1]]


def test_a_changed_policy_makes_the_events_of_its_environment_anew(site: Installation) -> None:
    assert site.plan().idle
    site.edit("environments/berlin.textproto", "hosts: PSEUDONYM", "hosts: DROP")
    wanted = {asset for run in site.plan().runs for asset in run.assets}
    assert {"parsed/sshd", "parsed/suricata_flow", "parsed/hdfs"} == wanted
    site.edit("environments/berlin.textproto", "hosts: DROP", "hosts: PSEUDONYM")
    assert site.plan().idle
    site.edit("environments/oslo.textproto", 'name: "oslo"', f'name: "oslo"\n{POLICY}')
    site.edit("environments/oslo.textproto", 'sources: "hdfs"', "")
    wanted = {asset for run in site.plan().runs for asset in run.assets}
    assert "parsed/sshd" in wanted
    assert "parsed/hdfs" not in wanted


@pytest.mark.parametrize(
    "arguments",
    [
        ("rotate", "atlantis"),
        ("forget", "--environment", "berlin"),
        ("forget", "--environment", "berlin", "--before", "soon"),
        ("forget", "--environment", "berlin", "--before", "2026-01-01", "--subject", "user=ana"),
        ("forget", "--environment", "berlin", "--subject", "ana"),
        ("forget", "--environment", "atlantis", "--before", "2026-01-01"),
        ("reidentify", "zzz", "--why", "x"),
    ],
)
def test_what_makes_no_sense_is_refused(settled: Installation, arguments: tuple[str, ...]) -> None:
    command_on(settled).refused("privacy", *arguments)
