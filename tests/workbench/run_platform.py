"""A program for the tests: `whetstone up` over definitions that are quickly loaded.

Arguments: a directory with `catalog/` and the module `tiny`, and the four ports.
"""

import sys
from pathlib import Path

from whetstone.errors import CatalogError, WhetstoneError
from whetstone.settings import Settings
from workbench.platform import Platform, Ports, up


def main() -> None:
    directory = Path(sys.argv[1])
    catalog = directory / "catalog"

    def prepare() -> None:
        (directory / "prepared").touch()

    def validate() -> str:
        for path in catalog.glob("*.textproto"):
            if "name" not in path.read_text():
                raise CatalogError(f"{path.name}:1: no name")
        return "valid"

    settings = Settings(home=directory / "home", catalog=catalog)
    ports = Ports(*map(int, sys.argv[2:6]))
    try:
        up(Platform(settings, prepare, validate, ports, module="tiny", directory=directory))
    except WhetstoneError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
