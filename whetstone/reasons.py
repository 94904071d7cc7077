"""Why a partition was made: what differed from what it replaced.

A manifest tells of the partition before it (`Manifest.before`). What the definitions were, part by
part, lies once for each code version in `lake/<layer>/<name>/definitions/<code version>.json`.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whetstone.definition_parts import Part, Parts
from whetstone.lake import Lake, Manifest

DEFINITIONS = "definitions"


@dataclass(frozen=True)
class Change:
    """Something that an asset is made from and that differed.

    Attributes:
        kind: `input` or `definition`.
        what: the input's name, or the part of the definition.
        before: its version or text; None: it was not there.
        after: the same now; None: it is not there any more.
    """

    kind: str
    what: str
    before: str | None
    after: str | None

    @property
    def verb(self) -> str:
        """What became of it."""
        if self.before is None:
            return "appeared"
        return "disappeared" if self.after is None else "changed"

    @property
    def brief(self) -> str:
        """Without the versions of an input: they are hashes, which tell people nothing."""
        return f"{self.what} {self.verb}" if self.kind == "input" else str(self)

    def __str__(self) -> str:
        if self.before is None or self.after is None or self.before == self.after:
            return f"{self.what} {self.verb}"
        return f"{self.what} changed: {self.before} → {self.after}"


def replaced(
    before: Manifest | None, code_version: str, inputs: Mapping[str, str]
) -> dict[str, Any]:
    """What a manifest keeps of the one it replaces; empty: there is none.

    Of the inputs only those whose versions differ, None for one that was not there.
    """
    if before is None:
        return {}
    names = [*before.inputs, *(name for name in inputs if name not in before.inputs)]
    return {
        "version": before.version,
        "made_at": before.made_at,
        "code_version": before.code_version,
        "inputs": {n: before.inputs.get(n) for n in names if before.inputs.get(n) != inputs.get(n)},
    }


def why_made(lake: Lake, asset: str, manifest: Manifest) -> list[Change] | None:
    """What differed when a partition was made last.

    Empty: nothing did, or it was its first making (then `manifest.before` is empty); None: it was
    made before manifests told.
    """
    if manifest.before is None:
        return None
    before = manifest.before
    changes = [
        Change("input", name, version, manifest.inputs.get(name))
        for name, version in before.get("inputs", {}).items()
    ]
    old = before.get("code_version", manifest.code_version)
    if old != manifest.code_version:
        new = kept_parts(lake, asset, manifest.code_version)
        changes += changed_parts(kept_parts(lake, asset, old), new)
    return changes


def changed_parts(before: Parts | None, after: Parts | None) -> Iterator[Change]:
    """Which parts of an asset's definitions differ between two of its code versions."""
    if before is None or after is None:
        yield Change("definition", "a definition", "", "")
        return
    found = False
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if (old and old.meaning) != (new and new.meaning):
            found = True
            yield Change("definition", name, old and old.text, new and new.text)
    if not found:
        yield Change("definition", "the order of its definitions", "", "")


def keep_parts(lake: Lake, asset: str, code_version: str, parts: Callable[[], Parts]) -> None:
    """Keep the definitions of a code version; nothing happens when they are known."""
    path = _path(lake, asset, code_version)
    if not code_version or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        hidden.write_text(json.dumps({n: asdict(part) for n, part in parts().items()}), "utf-8")
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)


def kept_parts(lake: Lake, asset: str, code_version: str) -> Parts | None:
    """The definitions of a code version; None: nobody kept them."""
    if not code_version:
        return {}
    try:
        text = _path(lake, asset, code_version).read_bytes()
    except FileNotFoundError:
        return None
    return {name: Part(**part) for name, part in json.loads(text).items()}


def in_words(manifest: Manifest, changes: list[Change] | None) -> list[str]:
    """Why a partition was made, a line a reason."""
    if changes is None:
        return ["made by a version of Whetstone that did not tell"]
    if not manifest.before:
        return ["made for the first time"]
    return [str(change) for change in changes] or ["by hand: nothing had changed"]


def _path(lake: Lake, asset: str, code_version: str) -> Path:
    return lake.root / asset / DEFINITIONS / f"{code_version}.json"
