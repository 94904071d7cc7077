"""The invented world: sites, addresses, people, and the rhythm of their days.

Everything is drawn from streams of random numbers that are named by what they are for, so a day
of a site is the same bytes whatever else is generated. All addresses are documentation,
benchmark, shared or private ranges (RFC 5737, 2544, 6598, 1918); they have no owner.
"""

import random
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

# The site whose security team runs a vulnerability scanner from the second week on.
SCANNED_SITE = "oslo"
# The site whose clients get a new browser and a new application in the second week.
UPGRADED_SITE = "lisbon"

DAY = timedelta(days=1)
_WORK_HOURS = (1, 1, 1, 1, 1, 1, 3, 8, 14, 16, 16, 14, 11, 14, 16, 15, 13, 10, 6, 4, 3, 2, 2, 1)
_FREE_HOURS = (2, 1, 1, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 2, 2)
_FIRST_NAMES = (  # noqa: SIM905
    "ada alan anna bruno carla dario dina emil eva fabio gina hugo ida ines ivan jana joao jonas "
    "karl lena lara leif luis maja marta mika nils nora olga otto pavel petra rita rosa sami sara "
    "sven tilda tomas vera"
).split()


@dataclass(frozen=True)
class Record:
    """One raw line and the truth about it.

    Attributes:
        at: When it was written; naive, UTC.
        raw: The line without its end.
        unit: The unit it belongs to, as labels and truth name it; empty if it has none.
        label: `attack`, `scan` or `Anomaly` for what a detector should find, `benign_expected`
            for what only looks like it and is meant to happen, else `benign`.
        attack: Which attack, or which lookalike; empty for the ordinary.
    """

    at: datetime
    raw: str
    unit: str = ""
    label: str = "benign"
    attack: str = ""


@dataclass(frozen=True)
class Site:
    """A serviced environment, or a lab in which attacks are replayed.

    Attributes:
        seed: Of the whole world.
        name: The environment's.
        change: The day on which the second week begins, with what it changes; None: it never does.
        lab: Uses other address ranges, so that labs and production share no unit.
    """

    seed: int
    name: str
    change: date | None = None
    lab: bool = False

    def stream(self, *purpose: object) -> random.Random:
        """The random numbers of this site for one purpose."""
        name = "|".join(map(str, (self.seed, self.name, self.lab, *purpose)))
        return random.Random(name)  # noqa: S311 - reproducible, and nothing secret

    def inside(self, subnet: int, host: int) -> str:
        """An address of the site's own network."""
        site = zlib.crc32(self.name.encode()) % 200 + 20
        return f"172.{16 + site % 16}.{subnet}.{host}" if self.lab else f"10.{site}.{subnet}.{host}"

    def outside(self, rng: random.Random) -> str:
        """An address somewhere on the internet."""
        if self.lab:
            nets = ("192.0.2", f"198.19.{rng.randrange(256)}")
        else:
            nets = ("198.51.100", "203.0.113", f"198.18.{rng.randrange(256)}")
        return f"{rng.choice(nets)}.{rng.randrange(1, 255)}"

    def scanned(self, day: date) -> bool:
        """Whether the security team's vulnerability scanner runs on this day."""
        return self.name == SCANNED_SITE and self.change is not None and day >= self.change

    def upgraded(self, day: date) -> bool:
        """Whether the new software is in use on this day."""
        return self.name == UPGRADED_SITE and self.change is not None and day >= self.change

    @property
    def scanner(self) -> str:
        """The vulnerability scanner's address."""
        return self.inside(10, 66)

    def people(self) -> list[tuple[str, str]]:
        """The site's users: login name, and the address they work from."""
        rng = self.stream("people")
        names = rng.sample(_FIRST_NAMES, 24)
        home = [f"100.{rng.randrange(64, 128)}.{rng.randrange(256)}.{n + 10}" for n in range(24)]
        return [
            (name, home[n] if n % 3 == 0 else self.inside(20, n + 10))
            for n, name in enumerate(names)
        ]


def workday(day: date) -> bool:
    """Whether people work: Monday to Friday."""
    return day.weekday() < 5


def midnight(day: date) -> datetime:
    """The instant at which `day` begins."""
    return datetime.combine(day, time())


def moments(rng: random.Random, day: date, count: int) -> list[datetime]:
    """`count` instants of a day, dense when people work, in order."""
    hours = rng.choices(range(24), _WORK_HOURS if workday(day) else _FREE_HOURS, k=count)
    start = midnight(day)
    return sorted(start + timedelta(hours=hour, seconds=rng.random() * 3600) for hour in hours)


def moment(rng: random.Random, day: date, first_hour: float = 0, last_hour: float = 24) -> datetime:
    """An instant of a day between two hours."""
    return midnight(day) + timedelta(hours=rng.uniform(first_hour, last_hour))


def some(rng: random.Random, expected: float) -> int:
    """A whole number whose mean is `expected`."""
    return int(expected) + (rng.random() < expected % 1)


def in_order(records: Iterable[Record], day: date) -> list[Record]:
    """The records that were written on `day`, in the order of writing."""
    start = midnight(day)
    kept = [record for record in records if start <= record.at < start + DAY]
    return sorted(kept, key=lambda record: record.at)


def broken(rng: random.Random, records: Sequence[Record], share: float) -> list[Record]:
    """`records` with additional lines among them that no source can parse.

    A line cut short within its first 24 characters (a full disk, a killed writer), the second
    half of a line, or binary rubbish; as many as `share` of the records.
    """
    result = list(records)
    for _ in range(some(rng, len(records) * share)):
        place = rng.randrange(len(result))
        near = result[place]
        kind = rng.randrange(3)
        if kind == 0:
            raw = near.raw[: rng.randrange(8, 24)]
        elif kind == 1:
            raw = near.raw[len(near.raw) // 2 :]
        else:
            codes = rng.choices([c for c in range(1, 256) if c not in (10, 13)], k=60)
            raw = bytes(codes).decode("utf-8", "surrogateescape")
        result.insert(place, Record(near.at, raw, attack="broken"))
    return result
