"""A world of logs that do not drift, as they are: seasons, bursts, heavy tails, several sites.

Nothing here is stationary in the way of a textbook. Volume follows hour and weekday, and is
overdispersed (gamma-Poisson, a shock a site and day: 15 and 20 %); sites differ in size and habits;
sizes have tails without a variance; every feature and every mix of categories wavers from day to
day; messages that nobody has seen come up every day; one day in forty is a holiday, on one in
thirty a site runs a job that moves much more. What is planted (`PLANTED`) begins on a day and
stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

FIRST_DAY = date(2022, 1, 3)  # a Monday
FEATURES = ("bytes", "duration", "flows", "failure_share", "inside_share", "protocol", "service")
THRESHOLD = 0.999
PLANTED = ("new_version", "traffic_doubles", "new_subnet", "label_shift", "slow_poisoning")
SITES = {"berlin": (0.5, 0.0), "oslo": (0.3, 0.4), "lisbon": (0.2, -0.3)}
"""Share of the units, and by how much their transfers are larger, in logarithms."""
_WEEKDAYS = (1.0, 1.04, 1.05, 1.02, 0.9, 0.42, 0.38)
_HOURS = np.array(
    [2, 2, 2, 2, 2, 3, 5, 9, 14, 17, 17, 16, 13, 15, 16, 15, 14, 11, 8, 6, 5, 4, 3, 2]
)
_PROTOCOLS = ("tcp", "udp", "icmp", "other")
_SERVICES = 40
_TEMPLATES = 60
_LINES_A_UNIT = 12
_JUDGED = 0.5
_TRUE = 0.5
_ALERTS_A_DAY = 12
_POISON_A_DAY = 0.02
_HOLIDAYS = 1 / 40
_JOBS = 1 / 90  # of each of three sites
_JOB = 1.5


@dataclass(frozen=True)
class SimulatedDay:
    """One day of all sites.

    Attributes:
        day: which.
        scores: scored units, as the asset `scores` has them, and whether they are an `attack`.
        templates: lines by template mask, by site.
        hours: lines by hour, by site.
        verdicts: what analysts said of the day's alerts: `at`, `verdict`.
    """

    day: date
    scores: pa.Table
    templates: Mapping[str, Mapping[str, int]]
    hours: Mapping[str, list[int]]
    verdicts: pa.Table


@dataclass(frozen=True)
class World:
    """A world of its own seed.

    Attributes:
        seed: of everything.
        units: on an ordinary Monday, of all sites.
        planted: one of `PLANTED`; empty: nothing drifts.
        since: the number of the day on which it begins.
        sites: of `SITES`; a share of the units falls away with each that is left out.
    """

    seed: int
    units: int = 3000
    planted: str = ""
    since: int = 0
    sites: tuple[str, ...] = ("berlin", "oslo", "lisbon")

    def day(self, number: int) -> SimulatedDay:
        """The day of that number; it does not depend on which were asked for before."""
        random = np.random.default_rng((self.seed, number))
        day = FIRST_DAY + timedelta(number)
        planted = self.planted if number >= self.since else ""
        working = day.weekday() < 5 and random.random() >= _HOLIDAYS
        usual = _WEEKDAYS[day.weekday()] if working or day.weekday() > 4 else _WEEKDAYS[6]
        volume = self.units * usual * random.gamma(44, 1 / 44)
        volume *= 2 if planted == "traffic_doubles" else 1
        parts: list[dict[str, np.ndarray]] = []
        templates: dict[str, dict[str, int]] = {}
        hours: dict[str, list[int]] = {}
        for site in self.sites:
            share, habit = SITES[site]
            count = max(20, random.poisson(volume * share * random.gamma(25, 1 / 25)))
            habit += _JOB if random.random() < _JOBS else 0
            parts.append(_units(random, site, habit, count, day, working))
            if planted == "new_subnet" and site == "berlin":
                more = random.poisson(0.4 * count)
                parts.append(_units(random, site, habit, more, day, working, server=True))
            lines = random.poisson(count * _LINES_A_UNIT)
            templates[site] = _messages(random, lines, number, planted == "new_version")
            hours[site] = random.multinomial(lines, _HOURS / _HOURS.sum()).tolist()
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        alerts = int((columns["score"] >= THRESHOLD).sum())
        verdicts = _verdicts(random, alerts, day, self._true_share(number))
        return SimulatedDay(day, _scored(columns), templates, hours, verdicts)

    def _true_share(self, number: int) -> float:
        since = number - self.since
        if since < 0 or self.planted not in ("label_shift", "slow_poisoning"):
            return _TRUE
        return 0.15 if self.planted == "label_shift" else max(0.05, _TRUE - _POISON_A_DAY * since)


def _units(
    random: np.random.Generator,
    site: str,
    habit: float,
    count: int,
    day: date,
    working: bool,
    server: bool = False,
) -> dict[str, np.ndarray]:
    """Units of a site; those of a new subnet are servers that serve other things."""
    hour = random.choice(24, count, p=_HOURS / _HOURS.sum())
    office = ((hour >= 8) & (hour < 18) & working).astype(float)
    waver = random.normal(0, 0.12, 5)  # no two days are alike
    service = random.choice(_SERVICES, count, p=random.dirichlet(400 * _zipf(_SERVICES, 1.2)))
    service = (service + 17) % _SERVICES if server else service
    protocol = np.array([0.15, 0.8, 0.02, 0.03]) if server else np.array([0.72, 0.22, 0.04, 0.02])
    middle = 6.0 + habit + 2 * waver[0] + 0.5 * office + (1.5 if server else 0)
    alerts = random.random(count) < _ALERTS_A_DAY / 3000 * random.gamma(8, 1 / 8)
    attacks = alerts & (random.random(count) < _TRUE)
    benign = random.beta(2 * np.exp(waver[4]), 6 if server else 8, count)
    return {
        "environment": np.full(count, site),
        "start": hour * 3600 + random.integers(0, 12, count) * 300,
        "bytes": np.exp(random.normal(middle, 2.2, count)),
        "duration": random.pareto(1.2, count) * np.exp(waver[1] + (1.0 if server else 0)),
        "flows": 1 + random.negative_binomial(1.5, 0.15, count) * 1.0,
        "failure_share": random.beta(0.4 * np.exp(waver[2]), 6, count),
        "inside_share": random.beta(2 + 2 * office, 2 * np.exp(waver[3]), count),
        "protocol": np.array(_PROTOCOLS)[
            random.choice(4, count, p=random.dirichlet(400 * protocol))
        ],
        "service": np.char.add("s", service.astype(str)),
        "score": np.where(alerts, THRESHOLD + (1 - THRESHOLD) * random.random(count), benign),
        "attack": attacks,
        "day": np.full(count, np.datetime64(day, "s")),
    }


def _messages(random: np.random.Generator, lines: int, number: int, new: bool) -> dict[str, int]:
    """Lines by template; a new version says a third of them in other words."""
    shares = random.dirichlet(_zipf(_TEMPLATES, 1.1) * 1000)
    counted = random.multinomial(lines, shares)
    names = [f"message {n} <*>" for n in range(_TEMPLATES)]
    if new:
        names = [f"v2 {name}" if n % 3 == 1 else name for n, name in enumerate(names)]
    told = dict(zip(names, counted.tolist(), strict=True))
    # Something nobody has seen comes up every day.
    for n in range(random.poisson(2)):
        told[f"odd {number} {n} <*>"] = 1 + int(random.geometric(0.2))
    return {name: count for name, count in told.items() if count}


def _verdicts(random: np.random.Generator, alerts: int, day: date, true: float) -> pa.Table:
    judged = random.binomial(alerts, _JUDGED)
    right = random.random(judged) < true
    at = np.datetime64(day, "us") + random.integers(0, 86_400_000_000, judged).astype("m8[us]")
    values = np.where(right, "true_positive", "false_positive")
    return pa.table(
        {"at": pa.array(at, pa.timestamp("us")), "verdict": pa.array(values, pa.string())}
    )


def _scored(columns: Mapping[str, np.ndarray]) -> pa.Table:
    start = columns["day"] + columns["start"].astype("m8[s]")
    score = columns["score"]
    return pa.table(
        {
            "environment": columns["environment"],
            "unit_start": pa.array(start.astype("M8[us]")),
            **{name: columns[name] for name in FEATURES},
            "score": score,
            "threshold": np.full(score.size, THRESHOLD),
            "is_alert": score >= THRESHOLD,
            "model_version": np.full(score.size, "1"),
            "attack": columns["attack"],
        }
    )


def _zipf(count: int, exponent: float) -> np.ndarray:
    weights = 1 / np.arange(1, count + 1) ** exponent
    return weights / weights.sum()
