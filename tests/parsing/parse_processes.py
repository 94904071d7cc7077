"""Programs that parse raw files into a lake in processes of their own, to be measured or killed."""

import subprocess
import sys
from pathlib import Path

from google.protobuf import text_format

from whetstone.catalog.catalog_pb2 import Source

SOURCE = """
name: "web" format: LINE pattern: "^(?P<time>\\\\S+) (?P<message>.*)$" event_time: "event_time"
fields { name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1" }
fields { name: "message" data_type: "VARCHAR" index: "message" definition: "$1" }
"""
DAY = "2026-03-01"

PARSE = f"""
import resource, sys
from pathlib import Path
from google.protobuf import text_format
from whetstone.catalog.catalog_pb2 import Source
from whetstone.engine import open_engine
from whetstone.lake import Lake, Manifest, Place
from whetstone.parsing import RawFile, parse_into, run
lake, file = Lake(Path(sys.argv[1])), Path(sys.argv[2])
run._CHUNK_BYTES = 1 << 20
source = text_format.Parse({SOURCE!r}, Source())
with (
    open_engine(lake.root) as engine,
    lake.stage(Place("parsed", "web", "{DAY}")) as events,
    lake.stage(Place("rejects", "web", "{DAY}")) as rejects,
):
    print("ready", flush=True)
    made = parse_into(
        engine, source, [RawFile(file, "oslo", "web.log")], "{DAY}", 1 << 20, events, rejects
    )
    rejects.commit(Manifest("code", {{}}, made.rejects.version, made.rejects.rows))
    events.commit(Manifest("code", {{}}, made.events.version, made.events.rows))
print(made.parsed.events, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


def source() -> Source:
    """Lines of a time and a message."""
    return text_format.Parse(SOURCE, Source())


def start(lake: Path, file: Path) -> subprocess.Popen[str]:
    """Start to parse a raw file of `SOURCE` into a lake."""
    command = [sys.executable, "-c", PARSE, str(lake), str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def events_and_megabytes(lake: Path, file: Path) -> tuple[int, int]:
    """How many events a process made of a raw file, and the most memory that it had."""
    with start(lake, file) as process:
        said, _ = process.communicate()
    assert process.returncode == 0
    events, megabytes = said.split()
    return int(events), int(megabytes)
