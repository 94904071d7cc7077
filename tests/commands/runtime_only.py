"""Runs the `whetstone` command as if some packages were not installed.

    runtime_only.py REFUSED ASKED ARGUMENT…

REFUSED is a file with a top-level module a line. Into ASKED go, as JSON, those of them that were
asked for, which modules were imported, and the directory that the command was imported from.
"""

import json
import sys
from collections.abc import Collection
from importlib.abc import MetaPathFinder
from pathlib import Path


class Refusing(MetaPathFinder):
    """Says of some modules that there are none."""

    def __init__(self, refused: Collection[str]) -> None:
        self.asked: set[str] = set()
        self._refused = frozenset(refused)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Not here; of a refused one: nowhere."""
        module = fullname.partition(".")[0]
        if module in self._refused:
            self.asked.add(module)
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def main() -> None:
    """Run it; its exit status is this one's."""
    refused, asked, *arguments = sys.argv[1:]
    refusing = Refusing(Path(refused).read_text().split())
    sys.meta_path.insert(0, refusing)
    sys.argv = ["whetstone", *arguments]
    try:
        from whetstone.cli import main as whetstone

        whetstone()
    finally:
        place = Path(str(sys.modules["whetstone"].__file__)).parent.parent
        told = {
            "asked": sorted(refusing.asked),
            "imported": sorted({name.partition(".")[0] for name in sys.modules}),
            "place": str(place),
        }
        Path(asked).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
