"""Programs that write the lake in processes of their own, to be killed or starved."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

WRITE = """
import os, signal, sys
from pathlib import Path
from whetstone.engine import open_engine
from whetstone.lake import Lake, Manifest, Place
lake, number, rounds = Lake(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
if len(sys.argv) > 4:
    stop_with, stop_at, left = signal.Signals[sys.argv[4]], sys.argv[5], int(sys.argv[6])
    def stop(event, arguments):
        global left
        left -= event == stop_at
        if event == stop_at and left == 0:
            os.kill(os.getpid(), stop_with)
    sys.addaudithook(stop)
with open_engine(lake.root) as engine:
    print("ready", flush=True)
    for turn in range(rounds):
        version = number * 1_000_000 + turn
        engine.execute(f"CREATE OR REPLACE TEMP TABLE t AS SELECT {version}::BIGINT AS version"
                       " FROM range(2000)")
        with lake.stage(Place("parsed", "web", "2026-03-01")) as staged:
            content = staged.write(engine, "t")
            staged.commit(Manifest("code", {}, str(version), content.rows))
"""

WRITE_MUCH = """
import resource, sys
from pathlib import Path
from whetstone.engine import open_engine
from whetstone.errors import StorageError
from whetstone.lake import Lake, Manifest, Place
lake = Lake(Path(sys.argv[1]))
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
with open_engine(lake.root) as engine:
    engine.execute("CREATE TEMP TABLE t AS SELECT md5(i::VARCHAR) AS x FROM range(400_000) r(i)")
    try:
        with lake.stage(Place("parsed", "web", "2026-03-01")) as staged:
            content = staged.write(engine, "t")
            staged.commit(Manifest("code", {}, content.version, content.rows))
    except StorageError as error:
        print(error)
"""


def start(program: str, lake: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a program and wait until it says that it is ready."""
    command = [sys.executable, "-c", program, str(lake), *(str(each) for each in arguments)]
    # What killed scorers of other tests left in the common place would be locked and removed, too.
    environment = {**os.environ, "TMPDIR": mkdtemp(prefix="lake-", dir=lake.parent)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def run(program: str, *arguments: object) -> str:
    """Run a program to its end and return what it says."""
    command = [sys.executable, "-c", program, *(str(argument) for argument in arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def manifest_in(directory: Path) -> dict[str, object]:
    return json.loads((directory / "manifest.json").read_text())
