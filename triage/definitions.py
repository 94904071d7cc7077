"""The catalog as it is now, for requests that cannot wait until it is read."""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from whetstone.catalog import Catalog, load_catalog
from whetstone.settings import Settings

_Stamp = tuple[tuple[str, int, int], ...]


def definitions(settings: Settings) -> Catalog:
    """The installation's catalog, read again only when a file of it has changed.

    Raises:
        CatalogError: it cannot be read, or is wrong.
    """
    return _read(settings.catalog, _stamp(settings.catalog))


def _stamp(directory: Path) -> _Stamp:
    found: list[tuple[str, int, int]] = []
    for file in sorted(directory.glob("*/*.textproto")):
        with suppress(FileNotFoundError):  # an editor replaces it this very moment
            status = file.stat()
            found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)


@lru_cache(maxsize=2)
def _read(directory: Path, _stamp: _Stamp) -> Catalog:
    return load_catalog(directory)
