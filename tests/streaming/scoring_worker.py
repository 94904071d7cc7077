"""A process that starts scorers as fast as it can fork: `python -m tests.streaming.scoring_worker`.

Each line on standard input is the work of one scorer, as JSON (`inputs`, `bundles`, `state`, `out`,
`doomed`). Its process id is printed, and when it has ended its exit status. The scorer is that of
`whetstone score`, with small batches and frequent checkpoints, so that there is much to interrupt.
`doomed`: it dies (SIGKILL) at its n-th flush or rename; 0: only from outside.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whetstone.catalog.catalog_pb2 import Environment
from whetstone.streaming.engine import Bounds
from whetstone.streaming.flow import Chunk, Input
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.inputs import open_input
from whetstone.streaming.outputs import open_output
from whetstone.streaming.scorer import Plan, Scorer
from whetstone.streaming.serving.models import BundleFiles

ENVIRONMENT = "berlin"
SIP = 8 << 10
"""Bytes at a time."""


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            work(json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def work(asked: dict[str, Any]) -> None:
    """Score to the end of the inputs, in a process of its own."""
    status = 1
    try:
        if asked["doomed"]:
            _die_at(asked["doomed"])
        score(asked)
        status = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


class Sips:
    """An input that gives little at a time, as one that is being written does."""

    def __init__(self, given: Input) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name)

    def read(self, most: int, wait: float) -> Chunk | None:
        return self._given.read(min(most, SIP), wait)


def score(asked: dict[str, Any]) -> None:
    state = Path(asked["state"])
    plan = Plan(
        state,
        Bounds(lateness=60_000_000),
        most_batch_bytes=SIP,
        batch_seconds=0.0,
        checkpoint_seconds=0.05,
        day=asked["day"],
    )
    scorer = Scorer(
        Environment(name=ENVIRONMENT),
        [Sips(open_input(spec, state / "spool")) for spec in asked["inputs"]],
        BundleFiles([Path(path) for path in asked["bundles"]]),
        [open_output(f"file://{asked['out']}", state / "outputs")],
        plan,
        Metrics(ENVIRONMENT, "test"),
        say=lambda _: None,
    )
    scorer.run()


def _die_at(step: int) -> None:
    """Be killed at the n-th call that makes something durable."""
    steps = 0

    def dying(call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object) -> object:
            nonlocal steps
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments)

        return counted

    os.fsync, os.fdatasync = dying(os.fsync), dying(os.fdatasync)
    os.replace = dying(os.replace)


if __name__ == "__main__":
    main()
