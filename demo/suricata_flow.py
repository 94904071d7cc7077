"""eve.json of a site's Suricata sensor: flows and, between them, dns, http, tls, alert and stats.

Units are flow ids. A scan is many flows, each of which is a unit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from demo import eve
from demo.wire import Wire
from demo.world import Record, Site, in_order, midnight, moment, moments, some, workday

_SITES = [
    f"{name}.example.{end}"
    for name in ("www", "cdn", "mail", "api", "docs", "img", "git")
    for end in ("com", "net", "org")
]
_AGENTS = (
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36",
    "curl/8.14.1",
)
_SWEPT = (22, 23, 80, 445, 1433, 3306, 3389, 5900, 6379, 8080)
_SCAN_RULES = (
    (2010935, "ET SCAN Suspicious inbound to MSSQL port 1433", "Potentially Bad Traffic", 2),
    (2002911, "ET SCAN Potential VNC Scan 5900-5920", "Attempted Information Leak", 2),
    (2001219, "ET SCAN Potential SSH Scan", "Attempted Information Leak", 2),
)
_POLICY_RULE = (2013028, "ET POLICY curl User-Agent Outbound", "Attempted Information Leak", 2)


@dataclass(frozen=True)
class Plan:
    """How much happens on a day: ordinary flows, and scans of each kind."""

    flows: int
    sweeps: int = 0
    vertical: int = 0
    slow: int = 0
    udp: int = 0
    connects: int = 0
    vulnerability_scans: int = 0


def production(site: Site, day: date, scale: float) -> Plan:
    """What happens on an ordinary day."""
    rng = site.stream("flow plan", day)
    flows = rng.randint(720, 820) if workday(day) else rng.randint(640, 690)
    return Plan(
        flows=round(flows * scale),
        sweeps=some(rng, 0.6 * scale),
        vertical=some(rng, 0.4 * scale),
        slow=some(rng, 0.6 * scale),
        udp=some(rng, 0.4 * scale),
        connects=some(rng, 0.3 * scale),
        vulnerability_scans=2 * site.scanned(day),
    )


def records(site: Site, day: date, plan: Plan) -> list[Record]:
    """The day's log; a flow whose event would be written after midnight is left out."""
    log = _Log(site, day)
    lines: list[Record] = []
    for flows in (
        log.ordinary(plan.flows),
        log.time_service(),
        log.backup(),
        log.sweeps(plan.sweeps),
        log.vertical(plan.vertical),
        log.slow(plan.slow),
        log.udp(plan.udp),
        log.connects(plan.connects),
        log.vulnerability_scans(plan.vulnerability_scans),
    ):
        lines += flows
    return in_order([*lines, *log.counters(lines)], day)


class _Log:
    """What passes the sensor of a site on one day."""

    def __init__(self, site: Site, day: date) -> None:
        self.site, self.day = site, day
        self.rng = site.stream("flows", day)
        self.wire = Wire(self.rng, upgraded=site.upgraded(day))
        self.servers = [site.inside(10, n) for n in range(11, 31)]

    def ordinary(self, count: int) -> Iterator[Record]:
        """People's traffic, and what their machines do by themselves."""
        kinds = (self.dns, self.web, self.secure_web, self.internal, self.announcement, self.dead)
        for at in moments(self.rng, self.day, count):
            client = self.site.inside(20, self.rng.randrange(10, 120))
            yield from self.rng.choices(kinds, (27, 11, 42, 12, 6, 2))[0](at, client)

    def dns(self, at: datetime, client: str) -> Iterator[Record]:
        name, query_id = self.rng.choice(_SITES), self.rng.randrange(65536)
        address = "" if self.rng.random() < 0.06 else self.site.outside(self.rng)
        wait = self.rng.uniform(0.001, 0.09)
        size = (len(name) + 60, len(name) + 76 + self.rng.choice((0, 16, 60, 110)))
        ends = (client, self.site.inside(10, 2), 53)
        flow = self.wire.flow(at, wait, ends, "UDP", "dns", (1, 1), size, "established")
        end = flow.end
        yield Record(at, eve.dns_query(at, flow, query_id, name))
        yield Record(end, eve.dns_answer(end, flow, query_id, name, address))
        yield self.wire.ended(flow)

    def web(self, at: datetime, client: str) -> Iterator[Record]:
        body = self.wire.size(5200, 1.1, 2.6)
        ends = (client, self.rng.choice(self.servers), 80)
        flow = self.wire.tcp(at, ends, "http", 420, body + 320)
        agent = self.rng.choice(_AGENTS)
        url = f"/{self.rng.choice(('', 'index.html', 'search?q=a', 'style.css', 'status'))}"
        status = self.rng.choices((200, 304, 404, 500), (80, 12, 6, 2))[0]
        yield Record(at, eve.http(at, flow, self.rng.choice(_SITES), url, agent, status, body))
        if agent.startswith("curl") and self.rng.random() < 0.3:
            yield Record(at, eve.alert(at, flow, _POLICY_RULE))
        yield self.wire.ended(flow)

    def secure_web(self, at: datetime, client: str) -> Iterator[Record]:
        server, host = self.site.outside(self.rng), self.rng.choice(_SITES)
        sent, received = self.wire.size(1500, 0.7, 1.9), 3200 + self.wire.size(7000, 1.3, 2.2)
        if self.wire.upgraded and self.rng.random() < 0.35:
            packets = (sent // 900 + 4, received // 1150 + 4)
            size = (sent + 2400, received + 400)
            seconds, ends = self.rng.lognormvariate(1.2, 1), (client, server, 443)
            yield self.wire.ended(
                self.wire.flow(at, seconds, ends, "UDP", "quic", packets, size, "established")
            )
            return
        # The new browser's key exchange needs another kilobyte in each direction.
        more = 1200 if self.wire.upgraded else 0
        flow = self.wire.tcp(at, (client, server, 443), "tls", sent + more, received + more)
        version = self.rng.choices(
            ("TLS 1.3", "TLS 1.2"), (95, 5) if self.wire.upgraded else (60, 40)
        )[0]
        yield Record(at + timedelta(milliseconds=30), eve.tls(at, flow, host, version))
        yield self.wire.ended(flow)

    def internal(self, at: datetime, client: str) -> Iterator[Record]:
        port, app = self.rng.choice(
            ((445, "smb"), (88, "krb5"), (389, "failed"), (22, "ssh"), (5432, "failed"))
        )
        server = self.rng.choice(self.servers)
        yield self.wire.ended(
            self.wire.tcp(
                at,
                (client, server, port),
                app,
                self.wire.size(2400, 1.0),
                self.wire.size(3600, 1.2),
            )
        )

    def announcement(self, at: datetime, client: str) -> Iterator[Record]:
        count, port = self.rng.randint(1, 6), self.rng.choice((138, 137, 1900, 5353))
        size = count * self.rng.choice((92, 243, 338))
        ends = (client, self.site.inside(20, 255), port)
        yield self.wire.ended(
            self.wire.flow(at, count - 1, ends, "UDP", "failed", (count, 0), (size, 0), "new")
        )

    def dead(self, at: datetime, client: str) -> Iterator[Record]:
        """A printer or share that is switched off, or a service that is down for a moment."""
        port = self.rng.choice((631, 9100, 445, 443))
        kind = "connect refused" if self.rng.random() < 0.4 else "retried"
        yield self.wire.ended(self.wire.knock(at, (client, self.site.inside(40, 9), port), kind))

    def time_service(self) -> Iterator[Record]:
        """Every server asks for the time, and is pinged by the monitoring host."""
        clock, monitoring = self.site.inside(10, 3), self.site.inside(10, 250)
        for server in self.servers:
            for hour in range(0, 24, 6):
                at, ends = moment(self.rng, self.day, hour, hour + 5.8), (server, clock, 123)
                yield self.wire.ended(
                    self.wire.flow(at, 0.02, ends, "UDP", "ntp", (1, 1), (90, 90), "established")
                )
            at, ends = moment(self.rng, self.day), (monitoring, server, 0)
            yield self.wire.ended(
                self.wire.flow(at, 3, ends, "ICMP", "", (4, 4), (392, 392), "established")
            )

    def backup(self) -> Iterator[Record]:
        """At night every server sends what it has to the backup host."""
        for server in self.servers:
            at, size = moment(self.rng, self.day, 1, 4), int(self.rng.lognormvariate(18.5, 1))
            yield self.wire.ended(
                self.wire.tcp(
                    at, (server, self.site.inside(10, 40), 873), "failed", size, size // 60
                )
            )

    def sweeps(self, count: int) -> Iterator[Record]:
        """One port on every machine of a network."""
        for _ in range(count):
            at, source = moment(self.rng, self.day, 0, 23.5), self.site.outside(self.rng)
            port = self.rng.choice(_SWEPT)
            targets = range(10, 10 + self.rng.randint(50, 100))
            kinds = self.rng.choices(("silent", "refused", "refused twice"), (5, 4, 2), k=100)
            for host, kind in zip(targets, kinds, strict=False):
                at += timedelta(seconds=self.rng.uniform(0.01, 0.4))
                yield from self.scan(at, (source, self.site.inside(20, host), port), kind, "sweep")

    def vertical(self, count: int) -> Iterator[Record]:
        """Every port of one machine; where something listens, the scanner hangs up at once."""
        for _ in range(count):
            at, source = moment(self.rng, self.day, 0, 23.5), self.site.outside(self.rng)
            target = self.rng.choice(self.servers)
            for port in self.rng.sample(range(1, 10000), self.rng.randint(70, 120)):
                at += timedelta(seconds=self.rng.uniform(0.01, 0.3))
                kind = self.rng.choices(("refused", "refused twice", "half open"), (60, 35, 5))[0]
                yield from self.scan(at, (source, target, port), kind, "vertical_scan")

    def slow(self, count: int) -> Iterator[Record]:
        """A port an hour or so, to stay below thresholds."""
        for _ in range(count):
            source, server = self.site.outside(self.rng), self.rng.choice(self.servers)
            for hour in range(24):
                at = moment(self.rng, self.day, hour, hour + 0.95)
                kind = self.rng.choice(("silent", "refused"))
                port = self.rng.choice(_SWEPT)
                yield from self.scan(at, (source, server, port), kind, "slow_scan")

    def udp(self, count: int) -> Iterator[Record]:
        """Single datagrams to services that amplify or leak."""
        for _ in range(count):
            at, source = moment(self.rng, self.day, 0, 23.5), self.site.outside(self.rng)
            for host in range(10, 10 + self.rng.randint(35, 60)):
                at += timedelta(seconds=self.rng.uniform(0.05, 0.5))
                port, size = self.rng.choice(((161, 82), (1900, 132), (11211, 57), (389, 94)))
                ends = (source, self.site.inside(20, host), port)
                flow = self.wire.flow(at, 0, ends, "UDP", "failed", (1, 0), (size, 0), "new")
                yield self.wire.ended(flow, "scan", "udp_scan")

    def connects(self, count: int) -> Iterator[Record]:
        """A machine inside, taken over, looks around with ordinary connections."""
        for _ in range(count):
            at, source = moment(self.rng, self.day, 0, 23.5), self.site.inside(20, 130)
            for port in self.rng.sample(range(1, 9000), self.rng.randint(40, 70)):
                at += timedelta(seconds=self.rng.uniform(0.02, 0.5))
                kind = self.rng.choices(("connect refused", "connect silent"), (3, 2))[0]
                server = self.rng.choice(self.servers)
                yield from self.scan(at, (source, server, port), kind, "connect_scan")

    def vulnerability_scans(self, count: int) -> Iterator[Record]:
        """The security team's scanner: retries what is refused, sends a probe where it gets in."""
        for number in range(count):
            at = moment(self.rng, self.day, 2 + 11 * number, 2.3 + 11 * number)
            for port in self.rng.sample(range(1, 10000), 60):
                at += timedelta(seconds=self.rng.uniform(0.1, 2))
                target = self.rng.choice(self.servers)
                kind = "scanner refused" if self.rng.random() < 0.7 else "probed"
                flow = self.wire.knock(at, (self.site.scanner, target, port), kind)
                yield self.wire.ended(flow, "benign_expected", "vulnerability_scanner")

    def scan(
        self, at: datetime, ends: tuple[str, str, int], kind: str, attack: str
    ) -> Iterator[Record]:
        rule = self.rng.choice(_SCAN_RULES) if self.rng.random() < 0.03 else None
        flow = self.wire.knock(at, ends, kind, alerted=rule is not None)
        if rule:
            yield Record(at, eve.alert(at, flow, rule), str(flow.id), "scan", attack)
        yield self.wire.ended(flow, "scan", attack)

    def counters(self, lines: list[Record]) -> Iterator[Record]:
        """The sensor's statistics, every ten minutes."""
        seen = sorted(record.at for record in lines)
        done = 0
        for tick in range(144):
            at = midnight(self.day) + timedelta(minutes=10 * tick + 8, microseconds=412)
            while done < len(seen) and seen[done] < at:
                done += 1
            totals = (done // 2, done // 4, done // 3, done // 9)
            yield Record(at, eve.stats(at, 600 * tick + 480, done * 31, done * 19_800, totals))
