"""The catalog to compare with: a directory, or a revision of the git work tree it lies in."""

import io
import subprocess
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from whetstone.catalog import Catalog, load_catalog
from whetstone.errors import CatalogError, InputError


@dataclass(frozen=True)
class OtherCatalog:
    """A catalog and what people call it."""

    catalog: Catalog
    name: str


@contextmanager
def other_catalog(directory: Path, against: str | None) -> Generator[OtherCatalog]:
    """The catalog to compare with.

    Args:
        directory: the working catalog.
        against: a directory or a git revision; None: the last commit.

    Raises:
        InputError: there is no such directory or revision, or its catalog is not valid.
    """
    if against is not None and Path(against).is_dir():
        yield OtherCatalog(_load(Path(against).resolve(), against, Path(against)), against)
        return
    revision = against or "HEAD"
    commit = _git(
        directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if commit is None:
        raise InputError(
            f"{revision}: neither a directory nor a revision of a git work tree around {directory};"
            " name one with --against"
        )
    commit_id = commit.decode().strip()
    packed = _git(directory, "archive", "--format=tar", commit_id, ".")
    if not packed:
        raise InputError(f"{revision} has no {directory.name}/: name another with --against")
    with TemporaryDirectory(prefix="whetstone-catalog-") as name:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(name, filter="data")
        label = f"{revision} ({commit_id[:9]})"
        yield OtherCatalog(_load(Path(name), revision, Path(f"{revision}:{directory.name}")), label)


def _load(directory: Path, name: str, shown: Path) -> Catalog:
    try:
        return load_catalog(directory)
    except CatalogError as error:
        first = str(error).split("\n")[0].replace(str(directory), str(shown))
        raise InputError(
            f"the catalog of {name} is not valid here, so there is nothing to compare with: {first}"
        ) from error


def _git(directory: Path, *arguments: str) -> bytes | None:
    """What git answers in a directory; None when it refuses."""
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(directory), *arguments],  # noqa: S607
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise InputError(f"git cannot be run ({error}); compare with a directory") from error
    return done.stdout if done.returncode == 0 else None
