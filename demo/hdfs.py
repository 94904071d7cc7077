"""HDFS logs: the lives of blocks, line by line as Hadoop 0.18 wrote them.

Orders of events and their frequencies are those of the labelled public data (Xu et al., SOSP
2009, as published by LogHub): a life is a sequence of that data's event numbers, which are then
rendered. Exceptions while serving a block are part of ordinary life there.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from demo.world import Record, Site, in_order, moment, some, workday

# Writing a block: (weight, events), the twelve commonest of the labelled data.
_WRITTEN = (
    (1406, "22 5 5 5 26 26 26 11 9 11 9 11 9"),
    (264, "5 5 5 22 11 9 11 9 11 9 26 26 26"),
    (229, "5 22 5 5 11 9 11 9 11 9 26 26 26"),
    (203, "5 5 22 5 11 9 11 9 11 9 26 26 26"),
    (151, "22 5 5 5 26 26 11 9 11 9 11 9 26"),
    (106, "22 5 5 5 26 26 11 9 11 9 26 11 9"),
    (97, "22 5 5 5 11 9 11 9 11 9 26 26 26"),
    (74, "22 5 5 5 26 11 9 26 26 11 9 11 9"),
    (71, "22 5 5 5 11 9 26 26 26 11 9 11 9"),
    (41, "22 5 5 5 26 11 9 11 9 26 26 11 9"),
    (40, "5 5 5 22 11 9 11 9 26 26 11 9 26"),
    (40, "5 22 5 5 11 9 26 26 26 11 9 11 9"),
)
# Reading and verifying it.
_USED = (
    (597, ""),
    (261, "4 3 4"),
    (184, "4 4 3"),
    (156, "2"),
    (154, "4 3 4 2"),
    (132, "4 4 3 2"),
    (130, "3 3 4 3 3 4"),
    (73, "4 3 4 2 2"),
    (61, "3 3 4 3 3 4 3 3 4"),
    (54, "4 4 3 2 2"),
    (53, "3 4 3 3 4 3"),
    (51, "3 3 4 3 4 3"),
    (47, "4 4 3 2 2 2"),
    (44, "3 4 3 3 3 4"),
    (41, "3 3 4 3 3 4 3 3 4 3 3 4"),
    (36, "3"),
    (35, "2 4 4 3"),
    (32, "3 4 3 3 4 3 3 4 3"),
    (29, "2 3 3 4 3 3 4"),
    (23, "3 2"),
    (21, "3 3 4 3 3 4 3 4 3"),
    (18, "3 3 3 3 3 3 3 3"),
    (60, "2 2 2 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 3"),
)
_DELETED = "23 23 23 21 21 21"
# What goes wrong, with its weight in the labelled data.
_ANOMALIES = {
    "never_written": 42,
    "write_failed": 32,
    "stored_after_delete": 32,
    "deleted_unknown": 30,
    "replica_missing": 18,
    "redundant_store": 9,
    "empty_packet": 4,
}
_JOBS = (("rand", "m", 41), ("randtxt", "m", 22), ("sortrand", "r", 21), ("randtxt2", "m", 16))


@dataclass(frozen=True)
class Plan:
    """How many blocks live on a day, the share of them that goes wrong, and how many run hot."""

    blocks: int
    anomalies: float
    hot: int = 0


def production(site: Site, day: date, scale: float) -> Plan:
    """What happens on an ordinary day; now and then a datanode has a bad one."""
    rng = site.stream("hdfs plan", day)
    blocks = rng.randint(140, 165) if workday(day) else rng.randint(122, 138)
    share = rng.uniform(0.08, 0.12) if rng.random() < 0.2 else rng.uniform(0.02, 0.05)
    return Plan(max(1, round(blocks * scale)), share, hot=some(rng, 1.3 * scale))


def records(site: Site, day: date, plan: Plan) -> list[Record]:
    """The day's log; units are block ids. A block's whole life lies within the day."""
    rng = site.stream("hdfs", day)
    lines: list[Record] = []
    jobs = [moment(rng, day, 0.2, 18.5) for _ in range(6)]
    for number in range(plan.blocks):
        kind = ""
        if number < plan.hot:
            kind = "hot_block"
        elif rng.random() < plan.anomalies:
            kind = rng.choices(list(_ANOMALIES), list(_ANOMALIES.values()))[0]
        begin = rng.choice(jobs) + timedelta(seconds=rng.random() * 1200)
        label = "benign" if kind in ("", "hot_block") else "Anomaly"
        block = _Block(site, rng, begin)
        lines += [Record(at, raw, block.id, label, kind) for at, raw in block.live(kind)]
    return in_order(lines, day)


def _pick(rng: random.Random, options: tuple[tuple[int, str], ...]) -> str:
    return rng.choices([events for _, events in options], [weight for weight, _ in options])[0]


def _life(rng: random.Random, kind: str) -> list[list[str]]:
    """The events of writing, using and deleting a block to which `kind` happens."""
    written, used, deleted = _pick(rng, _WRITTEN), _pick(rng, _USED), _DELETED
    if kind == "never_written":
        written, used, deleted = rng.choice(("22 5", "22 5", "22 5", "5 5 22")), "", ""
    elif kind == "write_failed":
        cut_short = ("22 5 5 7", "22 5 5 7", "5 5 22 7", "5 22 5 7")
        written, used, deleted = rng.choice(cut_short), "", ""
    elif kind == "stored_after_delete":
        deleted = "23 23 23 21 21 28 26 21"
    elif kind == "deleted_unknown":
        deleted = rng.choice(("23 23 23 21 20 21 21", "23 23 23 21 21 20 21"))
    elif kind == "replica_missing":
        again = ("25 5 18 16 6 26 26 21", "25 18 5 6 16 26 26 21", "25 18 5 26 6 16 26 21")
        used = f"3 4 {rng.choice(again)} {used}"
    elif kind == "redundant_store":
        before, _, after = written.rpartition("26")
        written = f"{before}27 26{after}"
    elif kind == "empty_packet":
        written = written.replace("11 9", "13 11 9")
    elif kind == "hot_block":
        used = " ".join(rng.choices("34", (3, 1), k=rng.randint(40, 80)))
    return [list(phase.split()) for phase in (written, used, deleted)]


@dataclass
class _Block:
    """One block on its way through the cluster: its names, its nodes, what is still to come."""

    site: Site
    rng: random.Random
    begin: datetime
    id: str = field(init=False)

    def __post_init__(self) -> None:
        rng = self.rng
        self.id = f"blk_{rng.choice(('', '-'))}{rng.randrange(10**17, 9 * 10**18)}"
        self.nodes = [self.site.inside(30, n) for n in rng.sample(range(11, 51), 3)]
        self.readers = [self.site.inside(30, n) for n in rng.sample(range(11, 51), 4)]
        self.size = 67108864 if rng.random() < 0.94 else rng.randrange(3_490_000, 3_560_000)
        self.thread = rng.randrange(140, 9000)
        # The pipeline: the writer's own node twice, then the second node.
        self.sources = [self.nodes[0], self.nodes[0], self.nodes[1]]
        self.stores = rng.sample(self.nodes, 3)
        self.receiving, self.stored, self.deleted, self.responders = 0, 0, 0, 0

    def live(self, kind: str) -> Iterator[tuple[datetime, str]]:
        """Every line of its life."""
        rng = self.rng
        written, used, deleted = _life(rng, kind)
        at = self.begin
        transfer = rng.uniform(1, 60) if self.size == 67108864 else 1.0
        for number, event in enumerate(written):
            if number:
                at += timedelta(seconds=transfer if number == 4 else rng.random() * 0.7)
            yield self._line(at, event)
        begin_use = at + timedelta(minutes=rng.uniform(5, 40))
        end_use = begin_use + timedelta(hours=rng.uniform(0.3, 2.5))
        spread = sorted(rng.random() for _ in used)
        for event, part in zip(used, spread, strict=True):
            yield self._line(begin_use + (end_use - begin_use) * part, event)
        at = end_use + timedelta(minutes=rng.uniform(5, 60))
        for event in deleted:
            if event == "28":
                at += timedelta(minutes=rng.uniform(5, 12))
            elif event in ("20", "21"):
                at += timedelta(seconds=rng.uniform(1, 150))
            yield self._line(at, event)

    def _line(self, at: datetime, event: str) -> tuple[datetime, str]:
        thread, rest = self._render(event)
        return at, f"{at:%y%m%d %H%M%S} {thread} {rest}"

    def _render(self, event: str) -> tuple[int, str]:
        rng, block = self.rng, self.id
        node, reader = rng.choice(self.nodes), rng.choice(self.readers)
        name_node, xceiver = rng.randrange(26, 36), "dfs.DataNode$DataXceiver:"
        served = self.thread + rng.randrange(300, 3000)
        system = "dfs.FSNamesystem: BLOCK* NameSystem"
        match event:
            case "2":
                return 13, f"INFO dfs.DataBlockScanner: Verification succeeded for {block}"
            case "3":
                to = node if rng.random() < 0.4 else reader
                return served, f"INFO {xceiver} {node}:50010 Served block {block} to /{to}"
            case "4":
                what = f"Got exception while serving {block} to /{reader}:"
                return served, f"WARN {xceiver} {node}:50010:{what}"
            case "5":
                source = self.sources[self.receiving % 3]
                self.receiving += 1
                ends = f"src: /{source}:{rng.randrange(32768, 61000)} dest: /{source}:50010"
                return (
                    self.thread + self.receiving,
                    f"INFO {xceiver} Receiving block {block} {ends}",
                )
            case "6":
                ends = f"src: /{node}:{rng.randrange(32768, 61000)} dest: /{node}:50010"
                return served, f"INFO {xceiver} Received block {block} {ends} of size {self.size}"
            case "7":
                why = "received exception java.io.IOException: Could not read from stream"
                return self.thread, f"INFO {xceiver} writeBlock {block} {why}"
            case "9":
                source = self.sources[2 - (self.responders - 1) % 3]
                what = f"Received block {block} of size {self.size} from /{source}"
                return self.thread + self.responders, f"INFO dfs.DataNode$PacketResponder: {what}"
            case "11":
                number = self.responders % 3
                self.responders += 1
                what = f"PacketResponder {number} for block {block} terminating"
                return self.thread + self.responders, f"INFO dfs.DataNode$PacketResponder: {what}"
            case "13":
                what = f"Receiving empty packet for block {block}"
                return self.thread, f"INFO dfs.DataNode$BlockReceiver: {what}"
            case "16":
                what = f"{node}:50010:Transmitted block {block} to /{reader}:50010"
                return served, f"INFO dfs.DataNode$DataTransfer: {what}"
            case "18":
                what = f"{node}:50010 Starting thread to transfer block {block} to {reader}:50010"
                return 19, f"INFO dfs.DataNode: {what}"
            case "20":
                why = f"delete block {block}. BlockInfo not found in volumeMap."
                return 19, f"WARN dfs.FSDataset: Unexpected error trying to {why}"
            case "21":
                sub = f"subdir{rng.randrange(64)}/" if rng.random() < 0.96 else ""
                path = f"/mnt/hadoop/dfs/data/current/{sub}{block}"
                return rng.choice(
                    (18, 19)
                ), f"INFO dfs.FSDataset: Deleting block {block} file {path}"
            case "22":
                return name_node, f"INFO {system}.allocateBlock: {self._path()} {block}"
            case "23":
                to = sorted(self.nodes)[self.deleted % 3]
                self.deleted += 1
                return 30, f"INFO {system}.delete: {block} is added to invalidSet of {to}:50010"
            case "25":
                what = f"ask {node}:50010 to replicate {block} to datanode(s) {reader}:50010"
                return 19, f"INFO dfs.FSNamesystem: BLOCK* {what}"
            case "26":
                to = self.stores[self.stored % 3]
                self.stored += 1
                what = f"blockMap updated: {to}:50010 is added to {block} size {self.size}"
                return name_node, f"INFO {system}.addStoredBlock: {what}"
            case "27":
                what = "Redundant addStoredBlock request received for"
                return name_node, (
                    f"WARN {system}.addStoredBlock: {what} {block} on {node}:50010 size {self.size}"
                )
            case _:
                what = f"addStoredBlock request received for {block} on {node}:50010"
                return 27, (
                    f"INFO {system}.addStoredBlock: {what} size {self.size} "
                    "But it does not belong to any file."
                )

    def _path(self) -> str:
        rng = self.rng
        job, phase, _ = rng.choices(_JOBS, [weight for *_, weight in _JOBS])[0]
        part = rng.randrange(2000)
        started = f"{self.begin - timedelta(minutes=20):%Y%m%d%H%M}"
        task = f"_task_{started}_{rng.randrange(1, 9):04d}_{phase}_{part:06d}_0"
        return f"/user/root/{job}/_temporary/{task}/part-{part:05d}."
