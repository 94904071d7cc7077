"""Training and scoring, ours beside an independent plain loop as published: same data, same epochs.

    python -m benchmarks.train --data ../shared/data --json

One function a model; each gives `ours_seconds` and `plain_seconds` of training and scoring
together, `ratio`, `f1_ours` and `f1_plain`. Those of language models compare training with its bare
matrix products instead, and give tokens per second. Progress is on stderr, the last line on stdout
is a JSON object.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.plain_language import language_model
from benchmarks.plain_log_keys import log_keys

# By the name that `--only` takes.
MODELS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "log_key_sequence": lambda options: log_keys(options.data, options.epochs, say),
    "language_model": lambda options: language_model(options.data, "lstm", say),
    "language_model_gru": lambda options: language_model(options.data, "gru", say),
    "language_model_transformer": lambda options: language_model(options.data, "transformer", say),
}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the public data")
    parser.add_argument("--epochs", type=int, default=15, help="of both loops")
    parser.add_argument("--only", nargs="*", choices=MODELS, help="models; all by default")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args(arguments)
    rows = {name: MODELS[name](options) for name in options.only or MODELS}
    print(json.dumps(rows, indent=None if options.json else 2))


def say(message: str) -> None:
    """Tell of progress."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
