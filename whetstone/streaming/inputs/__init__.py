"""Where raw lines come from: an `Input` by its URL.

`SOURCE=URL`, options behind a question mark; one that the input does not have is refused.

    tail:///PATH            a file that grows   begin=start|end
    file:///PATH            a complete file     (plain, gzip, zstd)
    unix:///PATH            listens             type=stream|datagram, mode=660, peers=256
    stdin:                  until its end
    tcp://HOST:PORT         listens             framing=auto|lines|counted, peers=256
    udp://HOST:PORT         listens; each datagram is a line
    redis://HOST:PORT/DB    list=KEY, push=right|left (Suricata's default pushes left)  or
                            stream=KEY, field=NAME;  password_file=PATH; rediss: is over TLS
    kafka://HOST:PORT,…     topic=NAME, begin=start|end, settings=PATH (librdkafka's, KEY=VALUE a
                            line); options with a dot are librdkafka's, too: security.protocol=ssl

All take `name=…`: by its name a checkpoint and `raw_file` of events know an input.
"""

import re
import socket
from functools import partial
from hashlib import blake2b
from pathlib import Path

from whetstone.errors import InputError
from whetstone.streaming.flow import Input
from whetstone.streaming.inputs.datagrams import Datagrams, udp_socket
from whetstone.streaming.inputs.file import File
from whetstone.streaming.inputs.kafka import kafka_input
from whetstone.streaming.inputs.listening import MOST_PEERS, Listening, tcp_socket, unix_socket
from whetstone.streaming.inputs.location import Location
from whetstone.streaming.inputs.messages import Counted, Either, Lines
from whetstone.streaming.inputs.redis import redis_input
from whetstone.streaming.inputs.spool import Spool
from whetstone.streaming.inputs.spooled import Receiver, Spooled
from whetstone.streaming.inputs.stdin import Stdin
from whetstone.streaming.inputs.tail import Tail

_LOOPBACK = "127.0.0.1"


def open_input(spec: str, spool_dir: Path) -> Input:
    """The input that a `SOURCE=URL` describes; its `open` begins to read.

    Args:
        spec: see above.
        spool_dir: each input that cannot be read twice has a directory of its own in it.

    Raises:
        InputError: it is none, names no known scheme, or an option is wrong or unknown.
    """
    location = Location.of(spec)
    kinds = {
        "tail": _tail,
        "file": _file,
        "unix": _unix,
        "stdin": _stdin,
        "tcp": _tcp,
        "udp": _udp,
        "redis": _redis,
        "rediss": _redis,
        "kafka": _kafka,
    }
    kind = kinds.get(location.scheme)
    if not kind:
        raise InputError(
            f"input {location.name}: no input is called {location.scheme}:; "
            f"there are {', '.join(kinds)}"
        )
    made = kind(location, spool_dir / _directory(location.name))
    location.finish()
    return made


def _directory(name: str) -> str:
    """A name for a directory that no other input has."""
    legible = re.sub(r"[^A-Za-z0-9.=-]+", "_", name)[:60]
    return f"{legible}-{blake2b(name.encode(), digest_size=4).hexdigest()}"


def _tail(location: Location, directory: Path) -> Input:
    begin = location.choice("begin", "start", "end")
    return Tail(location.name, location.source, location.file(), from_end=begin == "end")


def _file(location: Location, directory: Path) -> Input:
    return File(location.name, location.source, location.file())


def _unix(location: Location, directory: Path) -> Input:
    kind = location.choice("type", "stream", "datagram")
    mode = location.text("mode", "660")
    if not re.fullmatch("0?[0-7]{3}", mode):
        raise InputError(f"input {location.name}: option mode is {mode!r}; it takes e.g. 660")
    path, rights = location.file(), int(mode, 8)
    if kind == "datagram":
        bind = partial(unix_socket, path, socket.SOCK_DGRAM, rights)
        return _spooled(location, Datagrams(bind), directory)
    bind = partial(unix_socket, path, socket.SOCK_STREAM, rights)
    return _spooled(location, Listening(bind, Lines, _peers(location)), directory)


def _stdin(location: Location, directory: Path) -> Input:
    return _spooled(location, Stdin(), directory, finite=True)


def _tcp(location: Location, directory: Path) -> Input:
    framing = location.choice("framing", "auto", "lines", "counted")
    cutting = {"auto": Either, "lines": Lines, "counted": Counted}[framing]
    bind = partial(tcp_socket, location.host(_LOOPBACK), location.port())
    return _spooled(location, Listening(bind, cutting, _peers(location)), directory)


def _udp(location: Location, directory: Path) -> Input:
    bind = partial(udp_socket, location.host(_LOOPBACK), location.port())
    return _spooled(location, Datagrams(bind), directory)


def _redis(location: Location, directory: Path) -> Input:
    return redis_input(location)


def _kafka(location: Location, directory: Path) -> Input:
    return kafka_input(location, Spool(directory))


def _peers(location: Location) -> int:
    return location.number("peers", MOST_PEERS)


def _spooled(
    location: Location, receiver: Receiver, directory: Path, finite: bool = False
) -> Input:
    return Spooled(location.name, location.source, receiver, Spool(directory), finite)
