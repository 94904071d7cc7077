"""Contributions to the golden datasets: attacks replayed in labs, and ordinary days beside them.

A lab has its own seed, addresses and dates; none of its units occurs in production. The dates are
fixed, so a contribution stays the same whenever the demo runs.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from demo import hdfs, sshd, suricata_flow
from demo.truth import TruthRow, truth_of
from demo.world import Record, Site

_Plan = TypeVar("_Plan", sshd.Plan, suricata_flow.Plan, hdfs.Plan)
_SSH = (
    (
        "redteam-exercise",
        "Mara Lindqvist",
        "Passwords guessed from two rented machines while the test servers were in normal use.",
        date(2025, 9, 16),
        sshd.Plan(logins=60, noise=30, forgotten=1, brute_force=9, spraying=2, stuffing=2),
    ),
    (
        "spraying-replay",
        "Tiago Reis",
        "Replay of the spraying campaign of last summer, thinned out.",
        date(2025, 10, 8),
        sshd.Plan(logins=80, noise=45, forgotten=1, brute_force=2, spraying=5, stuffing=1),
    ),
    (
        "leaked-list-test",
        "Ingrid Solheim",
        "A list of leaked passwords tried against lab accounts; and a quiet week-end for contrast.",
        date(2025, 10, 25),
        sshd.Plan(logins=50, noise=60, forgotten=2, brute_force=4, spraying=1, stuffing=7),
    ),
)
_SCANS = (
    (
        "scanner-lab",
        "Jonas Weidmann",
        "The usual scanners at their default settings against a rack of idle servers.",
        date(2025, 9, 23),
        suricata_flow.Plan(flows=1000, sweeps=3, vertical=2, slow=2, udp=2, connects=1),
    ),
    (
        "edge-sensor",
        "Beatriz Moura",
        "A sensor before the firewall; scans were told apart by hand.",
        date(2025, 11, 4),
        suricata_flow.Plan(flows=1200, sweeps=2, vertical=2, slow=4, udp=1, connects=2),
    ),
)
_BLOCKS = (
    (
        "cluster-burn-in",
        "Henrik Aasen",
        "Burn-in of a new rack with datanodes switched off at random.",
        date(2025, 9, 30),
        hdfs.Plan(blocks=420, anomalies=0.14),
    ),
    (
        "disk-faults",
        "Chiara Vogt",
        "Faulty disks on purpose, one after the other, under a sorting job.",
        date(2025, 10, 14),
        hdfs.Plan(blocks=380, anomalies=0.12),
    ),
    (
        "quiet-cluster",
        "Duarte Pinho",
        "A cluster that works: mostly ordinary blocks.",
        date(2025, 11, 11),
        hdfs.Plan(blocks=300, anomalies=0.04),
    ),
)
# What a contribution calls the units that it does not name.
_ORDINARY = {"ssh_bruteforce": "benign", "network_scan": "benign", "hdfs_blocks": "Normal"}


@dataclass(frozen=True)
class Contribution:
    """Raw logs of one day in one lab.

    Attributes:
        dataset: The golden dataset it is for.
        name: Its folder.
        file: Name of the raw log.
        records: The log with its truth.
    """

    dataset: str
    name: str
    source: str
    file: str
    contributor: str
    note: str
    day: date
    records: list[Record]

    def labels(self) -> str:
        """`labels.csv`: each named unit, then `*` for all others.

        `start` and `end` (UTC, empty: always) say when a unit bears its label.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["unit", "start", "end", "label"])
        for row in truth_of("", self.source, self.day, self.records):
            if row.label not in ("benign", "benign_expected"):
                writer.writerow([row.unit, *self._when(row), row.label])
        writer.writerow(["*", "", "", _ORDINARY[self.dataset]])
        return text.getvalue()

    def _when(self, row: TruthRow) -> tuple[str, str]:
        # An address may do other things at other times; a flow or a block is what it is.
        if self.source != "sshd":
            return "", ""
        end = row.end + timedelta(seconds=1)
        return f"{row.start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"

    def description(self) -> str:
        """`contribution.json`."""
        facts = {
            "dataset": self.dataset,
            "source": self.source,
            "contributor": self.contributor,
            "note": self.note,
            "day": self.day.isoformat(),
        }
        return json.dumps(facts, indent=2) + "\n"


def contributions(seed: int, scale: float) -> Iterator[Contribution]:
    """All contributions of a world, two or three a golden dataset."""
    for name, contributor, note, day, ssh in _SSH:
        site = Site(seed, name, lab=True)
        log = sshd.records(site, day, _scaled(ssh, scale))
        yield Contribution("ssh_bruteforce", name, "sshd", "auth.log", contributor, note, day, log)
    for name, contributor, note, day, flows in _SCANS:
        site = Site(seed, name, lab=True)
        log = suricata_flow.records(site, day, _scaled(flows, scale))
        yield Contribution(
            "network_scan", name, "suricata_flow", "eve.json", contributor, note, day, log
        )
    for name, contributor, note, day, blocks in _BLOCKS:
        site = Site(seed, name, lab=True)
        log = hdfs.records(site, day, _scaled(blocks, scale))
        yield Contribution("hdfs_blocks", name, "hdfs", "hdfs.log", contributor, note, day, log)


def _scaled(plan: _Plan, scale: float) -> _Plan:
    counts = {k: max(1, round(v * scale)) for k, v in vars(plan).items() if type(v) is int and v}
    return replace(plan, **counts)
