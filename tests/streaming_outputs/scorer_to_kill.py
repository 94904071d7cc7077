"""A scorer reduced to what a kill can hurt: input position, checkpoint, journal, outputs.

    python -m tests.streaming_outputs.scorer_to_kill STATE OUTPUT LAST SEED

Reads the numbers 1 to LAST from where the checkpoint says, and says an alert for each.
"""

import json
import random
import sys
from pathlib import Path

from tests.streaming_outputs.records import alerts
from whetstone.streaming.outputs import open_output
from whetstone.streaming.outputs.deliver import Deliveries
from whetstone.streaming.outputs.journal import Journal

# Holds all, so that nothing goes undelivered however slow the disk; a segment is an eighth of it.
_LIMIT = 8 << 20


def main(state: Path, output: str, last: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    kept = state / "checkpoint.json"
    read, sequence = json.loads(kept.read_text()) if kept.exists() else (0, 0)
    journal = Journal(state / "journal", since=sequence, limit_bytes=_LIMIT)
    outputs = [open_output(output, state / "outputs")]
    deliveries = Deliveries(journal, outputs, state / "outputs")
    deliveries.start()
    print("started", flush=True)
    while read < last:
        batch = range(read + 1, min(last, read + chance.randint(1, 40)) + 1)
        journal.append(alerts(*batch))
        read = batch[-1]
        if chance.random() < 0.3:
            new = kept.with_suffix(".new")
            new.write_text(json.dumps([read, journal.sequence]))
            new.replace(kept)
            journal.checkpointed(journal.sequence)
    if not deliveries.stop(30.0):
        sys.exit("not delivered")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
