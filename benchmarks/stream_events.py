"""Raw lines for a stream of any length: whole seconds of traffic, again and again.

EVE flows: clients ask few servers often and many rarely, and now and then somebody scans. HDFS:
blocks of ten lines each, whose lives lie across each other. A second's lines are made once for each
of a few templates; times, and the numbers of blocks, are put in as bytes, which costs the sender
next to nothing beside the scorer that is measured.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

_BEGIN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_TEMPLATES = 8
_SCANNERS = 3
# As long as what takes their place.
_EVE_SECOND = b"@@@@-@@-@@T@@:@@:@@"
_HDFS_SECOND = b"@@@@@@ @@@@@@"
_EVE_LINE = (
    '{{"timestamp":"{second}.{micro:06d}+0000","flow_id":{flow},"in_iface":"eth0",'
    '"event_type":"flow","src_ip":"{src}","src_port":{port},"dest_ip":"{dest}",'
    '"dest_port":{service},"proto":"TCP","app_proto":"{app}","flow":{{"pkts_toserver":{up},'
    '"pkts_toclient":{down},"bytes_toserver":{up_bytes},"bytes_toclient":{down_bytes},'
    '"start":"{second}.{micro:06d}+0000","end":"{second}.{end:06d}+0000","age":0,'
    '"state":"{state}","reason":"timeout","alerted":false}},"tcp":{{"tcp_flags":"{flags}",'
    '"tcp_flags_ts":"{flags}","tcp_flags_tc":"{flags}","syn":true,"state":"{state}"}}}}\n'
)
_HDFS_LIFE = (
    "INFO dfs.FSNamesystem: BLOCK* NameSystem.allocateBlock: /user/root/out/part-00585. {block}",
    *["INFO dfs.DataNode$DataXceiver: Receiving block {block} src: {node}:4 dest: {node}:50010"]
    * 3,
    *["INFO dfs.DataNode$PacketResponder: PacketResponder 0 for block {block} terminating"] * 3,
    *[
        "INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: {node}:50010"
        " is added to {block} size 67108864"
    ]
    * 3,
)


def seconds_of_traffic(source: str, events: int, rate: int) -> Iterator[bytes]:
    """Lines of one second of event time after the other, `rate` lines each, `events` in all."""
    template, stamped = _KINDS[source]
    templates = [template(seed, rate) for seed in range(_TEMPLATES)]
    for number, sent in enumerate(range(0, events, rate)):
        lines = templates[number % _TEMPLATES]
        if events - sent < rate:
            lines = b"".join(lines.splitlines(keepends=True)[: events - sent])
        yield stamped(lines, number)


def _eve(seed: int, rate: int) -> bytes:
    rng = np.random.default_rng(seed)
    clients = np.minimum(rng.zipf(1.3, rate), 5000)
    servers = np.minimum(rng.zipf(1.5, rate), 2000)
    scans = rng.random(rate) < 0.002
    ups = rng.geometric(0.05, rate)
    sizes = rng.lognormal(6, 1.5, (rate, 2)).astype(int)
    lines: list[str] = []
    for at in range(rate):
        scan = bool(scans[at])
        client, server = int(clients[at]), int(servers[at])
        up = 1 if scan else int(ups[at])
        micro = at * 1_000_000 // rate
        lines.append(
            _EVE_LINE.format(
                second=_EVE_SECOND.decode(),
                micro=micro,
                end=micro + int(rng.integers(1_000_000 - micro)),
                flow=seed * 10_000_000 + at,
                src=f"203.0.113.{at % _SCANNERS}" if scan else f"10.0.{client >> 8}.{client & 255}",
                port=1024 + at % 60_000,
                dest=f"192.168.{at % 250}.{at // 250 % 250}"
                if scan
                else f"198.51.{server >> 8}.{server & 255}",
                service=22 if scan else (443, 80, 53, 8080)[server % 4],
                app="failed" if scan else "tls",
                up=up,
                down=0 if scan else up + 2,
                up_bytes=60 if scan else up * 60 + int(sizes[at, 0]),
                down_bytes=0 if scan else up * 60 + int(sizes[at, 1]),
                state="new" if scan else "closed",
                flags="02" if scan else "1b",
            )
        )
    return "".join(lines).encode()


def _eve_stamped(lines: bytes, second: int) -> bytes:
    at = _BEGIN + timedelta(seconds=second)
    return lines.replace(_EVE_SECOND, at.strftime("%Y-%m-%dT%H:%M:%S").encode())


def _hdfs(seed: int, rate: int) -> bytes:
    rng = np.random.default_rng(seed)
    blocks = np.sort(rng.permutation(rate) // len(_HDFS_LIFE))
    lines: list[str] = []
    for at, block in enumerate(blocks.tolist()):
        life = _HDFS_LIFE[at % len(_HDFS_LIFE)]
        if rng.random() < 0.0005:
            life = "WARN dfs.DataNode$DataXceiver: Got exception while serving {block} to /{node}:"
        name, node = f"blk_{seed}{block:06d}@########", f"/10.89.30.{at % 250}"
        text = life.format(block=name.replace("@", ""), node=node)
        lines.append(f"{_HDFS_SECOND.decode()} {at % 9000} {text}\n")
    return "".join(lines).encode()


def _hdfs_stamped(lines: bytes, second: int) -> bytes:
    at = _BEGIN + timedelta(seconds=second)
    stamped = lines.replace(_HDFS_SECOND, at.strftime("%y%m%d %H%M%S").encode())
    return stamped.replace(b"########", b"%08d" % second)


_KINDS: dict[str, tuple[Callable[[int, int], bytes], Callable[[bytes, int], bytes]]] = {
    "suricata_flow": (_eve, _eve_stamped),
    "hdfs": (_hdfs, _hdfs_stamped),
}
SOURCES = tuple(_KINDS)
