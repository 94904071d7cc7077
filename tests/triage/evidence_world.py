"""An installation with a few landed files, parsed into its lake, and alerts on what is in them."""

import shutil
from datetime import date, datetime
from pathlib import Path

from triage.definitions import definitions
from triage.records import Alert
from whetstone.engine import open_engine
from whetstone.lake import Lake, Manifest, Place
from whetstone.landing import land, landed_files
from whetstone.parsing import parse_files
from whetstone.privacy import KeyStore, Protection
from whetstone.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DAY = "2026-03-01"
OPEN, SHUT = "berlin", "oslo"
"""Environments: without a policy of privacy, and with one."""
ATTACKER = "203.0.113.77"
HIDDEN = "198.51.100.23"
"""An attacker of the environment with the policy."""
_DEFINED = (
    "sources/sshd",
    "sources/hdfs",
    "features/sshd_source_5m",
    "features/hdfs_block",
    "golden/ssh_bruteforce",
    "golden/hdfs_blocks",
    "detectors/ssh_bruteforce_gb",
    "detectors/hdfs_block_sequence",
)
_POLICY = "privacy { addresses: PSEUDONYM users: PSEUDONYM hosts: GENERALISE key_period: DAY }"


def installation(home: Path) -> Settings:
    """Two sources, two detectors, one environment with a policy and one without."""
    for name in _DEFINED:
        target = home / "catalog" / f"{name}.textproto"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "catalog" / f"{name}.textproto", target)
    for environment, policy in ((OPEN, ""), (SHUT, _POLICY)):
        file = home / "catalog" / "environments" / f"{environment}.textproto"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'name: "{environment}" sources: "sshd" sources: "hdfs" {policy}\n')
    return Settings(home=home, catalog=home / "catalog")  # pyright: ignore[reportCallIssue]


def store(settings: Settings, source: str, lines: dict[str, list[str]], day: str = DAY) -> None:
    """Land lines by environment, and parse them into the lake as the platform does."""
    for environment, listed in lines.items():
        file = settings.home / f"{environment}-{source}.log"
        text = "".join(f"{line}\n" for line in listed)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        land(settings.landing, file, environment, source, date.fromisoformat(day))
    catalog, lake = definitions(settings), Lake(settings.lake)
    protection = Protection(catalog.environments.values(), KeyStore(settings.privacy_keys))
    with open_engine(lake.root) as engine:
        files = landed_files(settings.landing, source, day)
        parse_files(
            engine, catalog.sources[source], files, day, settings.max_line_bytes, protection
        )
        with lake.stage(Place("parsed", source, day)) as staged:
            content = staged.write(engine, "events")
            staged.commit(Manifest("", {}, content.version, content.rows))


def pseudonym(settings: Settings, environment: str) -> str:
    """Whom the lake knows instead of the attacker."""
    lake = Lake(settings.lake)
    with open_engine(lake.root) as engine:
        found = engine.execute(
            f"SELECT src_ip FROM read_parquet('{lake.part(Place('parsed', 'sshd', DAY))}')"
            " WHERE environment = $1 GROUP BY src_ip ORDER BY count(*) DESC",
            [environment],
        ).fetchone()
    assert found is not None
    return str(found[0])


def sshd_lines(address: str = ATTACKER) -> list[str]:
    """An address guesses root's password every ten seconds; somebody else logs in."""
    guesses = [
        f"{DAY}T10:0{n // 6}:{n % 6}0+00:00 gate1 sshd[{4000 + n}]: Failed password for root from"
        f" {address} port {40000 + n} ssh2"
        for n in range(60)
    ]
    login = (
        f"{DAY}T10:01:05+00:00 gate1 sshd[77]: Accepted publickey for ana from 10.1.2.3 port 5022"
        " ssh2"
    )
    return [*guesses[:7], login, *guesses[7:]]


def hdfs_lines() -> list[str]:
    """A block's life: allocated, received, deleted."""
    return [
        "260301 203530 143 INFO dfs.DataNode$DataXceiver: Receiving block blk_77 src:"
        " /10.250.19.102:54106 dest: /10.250.19.102:50010",
        "260301 203531 35 INFO dfs.FSNamesystem: BLOCK* NameSystem.allocateBlock:"
        " /mnt/hadoop/mapred/system/job_1/job.jar. blk_77",
        "260301 203535 145 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_77"
        " terminating",
        "260301 203540 19 INFO dfs.FSDataset: Deleting block blk_77 file /mnt/hadoop/dfs/data/77",
    ]


def at(time: str) -> datetime:
    """A time of the day."""
    return datetime.fromisoformat(f"{DAY}T{time}")


def guessing(environment: str, address: str) -> Alert:
    """The alert on the five minutes in which an address guesses passwords."""
    return Alert(
        alert_id=f"a1b2c3d4{environment}",
        detector="ssh_bruteforce_gb",
        model_version="0123456789ab",
        environment=environment,
        source="sshd",
        unit=address,
        entity={"src_ip": address},
        unit_start=at("10:00:00"),
        event_timestamp=at("10:05:00"),
        score=0.97,
        threshold=0.4,
        explanation=[
            {"feature": "failures", "value": 30.0, "contribution": 0.61},
            {"feature": "users", "value": "root", "contribution": 0.2},
            {"feature": "successes", "value": 0.0, "contribution": -0.05},
        ],
        per_day=0.2,
        events=30,
    )


def deleting() -> Alert:
    """The alert on a block whose third event nobody expected."""
    return Alert(
        alert_id="b10cc0de",
        detector="hdfs_block_sequence",
        model_version="0123456789ab",
        environment=OPEN,
        source="hdfs",
        unit="blk_77",
        entity={"block": "blk_77"},
        unit_start=at("20:35:30"),
        event_timestamp=at("20:35:40"),
        score=9.0,
        threshold=4.0,
        explanation=[
            {"feature": "events", "value": "e11", "contribution": 4.0, "position": 2},
            {"feature": "events", "value": "e21", "contribution": 1.5, "position": 3},
        ],
    )
