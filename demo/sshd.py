"""auth.log of a site's SSH servers, in the words of OpenSSH 6 and Linux-PAM.

Message shapes and their order within a connection are those of the public OpenSSH log of LogHub.
Units are source addresses.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from demo.world import Record, Site, in_order, moment, moments, some, workday

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Accounts that exist on every machine, and names that attackers try besides.
_SYSTEM = ("root", "root", "root", "root", "mysql", "ftp", "git", "uucp")
_GUESSED = (  # noqa: SIM905
    "admin test oracle support user guest ubnt pi ubuntu postgres nagios deploy ftpuser webmaster "
    "default operator vnc jenkins hadoop tomcat www cisco api monitor"
).split()
_PAM = "authentication failure; logname= uid=0 euid=0 tty=ssh ruser="


@dataclass(frozen=True)
class Plan:
    """How often what happens on a day.

    Attributes:
        logins: Sessions of people; some mistype their password before.
        noise: Strangers on the internet who try once or twice.
        probe_hours: Hours in which the monitoring host logs in once a minute, five times.
        forgotten: Scripts inside that go on with a password that has expired.
        brute_force: Attackers who try passwords as fast as the server lets them.
        spraying: Campaigns of many addresses, each trying a few people now and then.
        stuffing: Attackers with a list of leaked passwords, one of which is right in the end.
        scans: Rounds of the vulnerability scanner.
    """

    logins: int
    noise: int
    probe_hours: Sequence[int] = range(24)
    forgotten: int = 0
    brute_force: int = 0
    spraying: int = 0
    stuffing: int = 0
    scans: int = 0


def production(site: Site, day: date, scale: float) -> Plan:
    """What happens on an ordinary day."""
    rng = site.stream("sshd plan", day)
    hours = sorted(rng.sample(range(24), max(1, min(24, round(22 * scale)))))
    return Plan(
        logins=round((rng.randint(36, 46) if workday(day) else rng.randint(10, 16)) * scale),
        noise=some(rng, rng.uniform(18, 30) * scale),
        probe_hours=hours,
        forgotten=int(rng.random() < 0.3),
        brute_force=some(rng, 0.7 * scale),
        spraying=some(rng, 0.45 * scale),
        stuffing=some(rng, 0.45 * scale),
        scans=int(site.scanned(day)),
    )


def records(site: Site, day: date, plan: Plan) -> list[Record]:
    """The day's log."""
    log = _Log(site, day)
    lines: list[Record] = []
    for conversation in (
        log.people(plan.logins),
        log.noise(plan.noise),
        log.monitoring(plan.probe_hours),
        log.forgotten(plan.forgotten),
        log.brute_force(plan.brute_force),
        log.spraying(plan.spraying),
        log.stuffing(plan.stuffing),
        log.scanner(plan.scans),
    ):
        lines += conversation
    return in_order(lines, day)


class _Log:
    """The servers of a site on one day, and everybody who knocks."""

    def __init__(self, site: Site, day: date) -> None:
        self.site, self.day = site, day
        self.rng = site.stream("sshd", day)
        self.staff = site.people()
        self.servers = [f"{site.name}-{role}" for role in ("gw1", "app1", "app2")]

    def people(self, count: int) -> Iterator[Record]:
        """Sessions of an hour or so; one in six begins with a mistyped password."""
        mistyped: set[str] = set()
        for at in moments(self.rng, self.day, count):
            user, ip = self.rng.choice(self.staff)
            visit = _Visit(self, at, ip)
            if self.rng.random() < 0.17 and ip not in mistyped:
                mistyped.add(ip)
                visit.attack = "mistyped_password"
                for _ in range(self.rng.choice((1, 1, 2, 2, 3, 5))):
                    yield from visit.failure(user, known=True, pause=self.rng.uniform(4, 15))
            yield from visit.session(user, self.rng.uniform(60, 9000), key=False)

    def noise(self, count: int) -> Iterator[Record]:
        """Strangers: a try or two, a port check, a connection that leads nowhere."""
        for at in moments(self.rng, self.day, count):
            visit = _Visit(self, at, self.site.outside(self.rng))
            kind = self.rng.random()
            if kind < 0.25:
                yield visit.say(f"Did not receive identification string from {visit.ip}")
            elif kind < 0.45:
                yield visit.say(f"Connection closed by {visit.ip} [preauth]")
            else:
                for _ in range(self.rng.choice((1, 1, 2))):
                    yield from self.try_stranger(visit)
                yield visit.goodbye()

    def monitoring(self, hours: Sequence[int]) -> Iterator[Record]:
        """A check of five logins, one a minute, in each of the hours."""
        for hour in hours:
            at = moment(self.rng, self.day, hour, hour + 0.02)
            for minute in range(5):
                visit = _Visit(self, at + timedelta(minutes=minute), self.site.inside(10, 250))
                visit.label, visit.attack = "benign_expected", "monitoring"
                yield from visit.session("monitor", self.rng.uniform(0.4, 3), key=True)

    def forgotten(self, count: int) -> Iterator[Record]:
        """A script that comes every ten minutes with a password that has expired."""
        for number in range(count):
            at = moment(self.rng, self.day, 0, 16)
            for _ in range(self.rng.randint(12, 40)):
                visit = _Visit(self, at, self.site.inside(10, 40 + number))
                visit.attack = "expired_password"
                yield from visit.failure("backup", known=True)
                yield visit.goodbye()
                at += timedelta(minutes=10, seconds=self.rng.random())

    def brute_force(self, count: int) -> Iterator[Record]:
        """One address, passwords for root and guessed names, as fast as the server answers."""
        for _ in range(count):
            at, ip = moment(self.rng, self.day, 0, 23.6), self.site.outside(self.rng)
            pace = self.rng.choice((0.6, 2.0, 2.5, 4.0))
            server = self.rng.choice(self.servers)
            reversed_name = self.rng.random() < 0.3
            for _ in range(self.rng.randint(50, 110)):
                visit = _Visit(self, at, ip, "attack", "brute_force", server)
                if reversed_name:
                    name = f"host-{ip.replace('.', '-')}.example.net"
                    yield visit.say(
                        f"reverse mapping checking getaddrinfo for {name} [{ip}] failed "
                        "- POSSIBLE BREAK-IN ATTEMPT!"
                    )
                if self.rng.random() < 0.06:
                    yield from visit.stubborn("root")
                else:
                    yield from self.try_stranger(visit)
                    yield visit.goodbye()
                at += timedelta(seconds=pace * self.rng.uniform(0.8, 1.6))

    def spraying(self, count: int) -> Iterator[Record]:
        """Many addresses; each tries a few people within minutes and comes back hours later."""
        for _ in range(count):
            begin = moment(self.rng, self.day, 0, 14)
            for _ in range(self.rng.randint(10, 16)):
                ip = self.site.outside(self.rng)
                for _ in range(self.rng.randint(1, 2)):
                    at = begin + timedelta(hours=self.rng.uniform(0, 9))
                    for user, _ in self.rng.sample(self.staff, self.rng.randint(3, 5)):
                        visit = _Visit(self, at, ip, "attack", "password_spraying")
                        yield from visit.failure(user, known=self.rng.random() < 0.8)
                        yield visit.goodbye()
                        at += timedelta(seconds=self.rng.uniform(8, 45))

    def stuffing(self, count: int) -> Iterator[Record]:
        """One address, one try for each name of a leaked list, and then one fits."""
        for _ in range(count):
            at, ip = moment(self.rng, self.day, 0, 22.5), self.site.outside(self.rng)
            for _ in range(self.rng.randint(20, 45)):
                user, known = self.rng.choice(self.staff)[0], self.rng.random() < 0.4
                name = user if known else f"{user}{self.rng.randrange(100)}"
                visit = _Visit(self, at, ip, "attack", "credential_stuffing")
                yield from visit.failure(name, known=known)
                yield visit.goodbye()
                at += timedelta(seconds=self.rng.uniform(3, 12))
            visit = _Visit(self, at, ip, "attack", "credential_stuffing")
            yield from visit.session(self.rng.choice(self.staff)[0], 240, key=False)

    def scanner(self, rounds: int) -> Iterator[Record]:
        """The security team tries default passwords on its own servers, every night."""
        for number in range(rounds):
            at = moment(self.rng, self.day, 1.9 + 4 * number, 2.1 + 4 * number)
            for name in self.rng.sample(_GUESSED, 22):
                visit = _Visit(self, at, self.site.scanner, "benign_expected")
                visit.attack = "vulnerability_scanner"
                yield from visit.failure(name, known=False)
                yield visit.say(f"Connection closed by {visit.ip} [preauth]")
                at += timedelta(seconds=self.rng.uniform(5, 9))

    def try_stranger(self, visit: "_Visit") -> Iterator[Record]:
        """A password for root or another name of the trade."""
        known = self.rng.random() < 0.6
        name = self.rng.choice(_SYSTEM) if known else self.rng.choice(_GUESSED)
        return visit.failure(name, known=known)


class _Visit:
    """One TCP connection to one server: who, since when, and the lines it causes."""

    def __init__(
        self,
        log: _Log,
        at: datetime,
        ip: str,
        label: str = "benign",
        attack: str = "",
        server: str = "",
    ) -> None:
        self.rng: random.Random = log.rng
        self.at, self.ip, self.label, self.attack = at, ip, label, attack
        self.server = server or self.rng.choice(log.servers)
        # Process ids rise through the day.
        self.pid = 1200 + (at.hour * 3600 + at.minute * 60 + at.second) // 3 + self.rng.randrange(3)
        self.port = self.rng.randrange(32768, 61000)

    def say(self, message: str, pid: int = 0) -> Record:
        at = self.at
        head = f"{_MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S} {self.server}"
        line = f"{head} sshd[{pid or self.pid}]: {message}"
        return Record(at, line, self.ip, self.label, self.attack)

    def failure(self, user: str, *, known: bool, pause: float = 2.0) -> Iterator[Record]:
        """A wrong password."""
        if known:
            yield self.say(f"pam_unix(sshd:auth): {_PAM} rhost={self.ip}  user={user}")
        else:
            yield self.say(f"Invalid user {user} from {self.ip}")
            yield self.say(f"input_userauth_request: invalid user {user} [preauth]")
            yield self.say("pam_unix(sshd:auth): check pass; user unknown")
            yield self.say(f"pam_unix(sshd:auth): {_PAM} rhost={self.ip} ")
        self.at += timedelta(seconds=pause * self.rng.uniform(0.7, 1.3))
        who = user if known else f"invalid user {user}"
        yield self.say(f"Failed password for {who} from {self.ip} port {self.port} ssh2")

    def stubborn(self, user: str) -> Iterator[Record]:
        """Six wrong passwords in one connection, which syslog folds into two lines."""
        yield from self.failure(user, known=True)
        self.at += timedelta(seconds=self.rng.uniform(8, 14))
        again = f"Failed password for {user} from {self.ip} port {self.port} ssh2"
        yield self.say(f"message repeated 5 times: [ {again}]")
        yield self.say(f"Disconnecting: Too many authentication failures for {user} [preauth]")
        more = _PAM.replace("failure;", "failures;")
        yield self.say(f"PAM 5 more {more} rhost={self.ip}  user={user}")
        yield self.say("PAM service(sshd) ignoring max retries; 6 > 3")

    def goodbye(self) -> Record:
        """The end of a connection that never logged in."""
        no_more = "14: No more user authentication methods available. [preauth]"
        return self.say(
            self.rng.choices(
                (
                    f"Received disconnect from {self.ip}: 11: Bye Bye [preauth]",
                    f"Connection closed by {self.ip} [preauth]",
                    f"error: Received disconnect from {self.ip}: {no_more}",
                ),
                (80, 10, 10),
            )[0]
        )

    def session(self, user: str, seconds: float, *, key: bool) -> Iterator[Record]:
        """A login that succeeds, and its end."""
        end = f"from {self.ip} port {self.port} ssh2"
        yield self.say(f"Accepted {'publickey' if key else 'password'} for {user} {end}")
        yield self.say(f"pam_unix(sshd:session): session opened for user {user} by (uid=0)")
        # After the login, the session proper is no longer what made the visit stand out.
        if self.attack == "mistyped_password":
            self.attack = ""
        self.at += timedelta(seconds=seconds)
        child = self.pid + self.rng.randrange(2, 90)
        yield self.say(f"Received disconnect from {self.ip}: 11: disconnected by user", child)
        yield self.say(f"pam_unix(sshd:session): session closed for user {user}")
