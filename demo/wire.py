"""How flows of a few kinds look on the wire: packets, bytes and TCP flags."""

import math
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from demo import eve
from demo.world import Record

SYN, FIN, RST, PSH, ACK = 0x02, 0x01, 0x04, 0x08, 0x10
_WHOLE = SYN | FIN | PSH | ACK
_REFUSED = (SYN, RST | ACK)
# How long the flow table keeps a flow after its last packet, in seconds.
_KEPT = {("TCP", "closed"): 60, ("TCP", "new"): 60, ("UDP", "new"): 30}


@dataclass(frozen=True)
class _Knock:
    """A connection that carries nothing or hardly anything; see `demo.eve.Flow`."""

    packets: tuple[int, int]
    octets: tuple[int, int]
    flags: tuple[int, int]
    seconds: float = 0.0003

    @property
    def state(self) -> str:
        return "closed" if self.packets[1] else "new"


# Scanners send bare 60-byte SYNs; an operating system's own have options and take 74 bytes.
_KNOCKS = {
    "silent": _Knock((1, 0), (60, 0), (SYN, 0)),
    "refused": _Knock((1, 1), (60, 60), _REFUSED),
    "refused twice": _Knock((2, 2), (120, 120), _REFUSED),
    "half open": _Knock((2, 1), (120, 60), (SYN | RST, SYN | ACK)),
    "connect refused": _Knock((1, 1), (74, 60), _REFUSED),
    "connect silent": _Knock((3, 0), (222, 0), (SYN, 0), 3.0),
    "retried": _Knock((4, 0), (296, 0), (SYN, 0), 7.0),
    "scanner refused": _Knock((2, 2), (148, 120), _REFUSED, 0.5),
    "probed": _Knock((6, 5), (560, 420), (_WHOLE, _WHOLE), 2.0),
}


class Wire:
    """Draws flows. With `upgraded` software they are larger.

    Args:
        rng: Where chance comes from.
        upgraded: Whether the site's machines run the new software.
    """

    def __init__(self, rng: random.Random, *, upgraded: bool) -> None:
        self.rng = rng
        self.upgraded = upgraded

    def flow(
        self,
        start: datetime,
        seconds: float,
        ends: tuple[str, str, int],
        proto: str,
        app_proto: str,
        packets: tuple[int, int],
        octets: tuple[int, int],
        state: str,
    ) -> eve.Flow:
        """A flow between `ends`: source, destination and its port."""
        source, target, port = ends
        return eve.Flow(
            id=self.rng.getrandbits(51),
            src_ip=source,
            src_port=self.rng.randrange(32768, 61000),
            dest_ip=target,
            dest_port=port,
            proto=proto,
            app_proto=app_proto,
            packets=packets,
            octets=octets,
            start=start,
            end=start + timedelta(seconds=seconds),
            state=state,
        )

    def tcp(
        self, start: datetime, ends: tuple[str, str, int], app: str, sent: int, received: int
    ) -> eve.Flow:
        """A whole TCP session; `sent` and `received` are bytes of payload."""
        there, back = sent // 1300 + received // 2600 + 5, received // 1400 + sent // 2600 + 4
        octets = (sent + 66 * there, received + 66 * back)
        seconds = min(3000.0, self.rng.lognormvariate(1.5, 1.4))
        flow = self.flow(start, seconds, ends, "TCP", app, (there, back), octets, "closed")
        reset = RST if self.rng.random() < 0.15 else 0
        return replace(flow, flags=(_WHOLE | reset, _WHOLE), tcp_state="closed")

    def knock(
        self, start: datetime, ends: tuple[str, str, int], kind: str, *, alerted: bool = False
    ) -> eve.Flow:
        """A connection of one of the kinds that scans and dead services cause."""
        shape = _KNOCKS[kind]
        app = "failed" if shape.octets[1] > 200 else ""
        seconds = shape.seconds * self.rng.uniform(0.9, 1.1)
        flow = self.flow(start, seconds, ends, "TCP", app, shape.packets, shape.octets, shape.state)
        tcp_state = "closed" if shape.state == "closed" else "syn_sent"
        return replace(flow, flags=shape.flags, tcp_state=tcp_state, alerted=alerted)

    def ended(self, flow: eve.Flow, label: str = "benign", attack: str = "") -> Record:
        """The flow event, written when the flow table lets go of the flow."""
        at = flow.end + timedelta(seconds=_KEPT.get((flow.proto, flow.state), 300))
        at += timedelta(seconds=self.rng.random())
        return Record(at, eve.flow_event(at, flow), str(flow.id), label, attack)

    def size(self, median: float, spread: float, grown: float = 1.0) -> int:
        """Bytes of a payload; `grown` is the factor that the new software brings."""
        factor = grown if self.upgraded else 1.0
        return int(self.rng.lognormvariate(math.log(median * factor), spread))
