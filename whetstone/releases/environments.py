"""Definitions of environments as they are published: what a scorer needs to know of its own site.

Every environment can read those of all others, so what is for people is left out, and so is what
their assets are and weigh.
"""

from collections.abc import Iterable, Mapping

from google.protobuf import text_format

from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import ReleaseError
from whetstone.releases.channel import environment_path, name_in
from whetstone.releases.release import checked_name

_OF_THE_PLATFORM = ("display_name", "description", "assets")


def changes(
    standing: Mapping[str, bytes], environments: Iterable[Environment]
) -> tuple[dict[str, bytes], set[str]]:
    """What to write (path to content) and which paths to remove, so that these stand alone.

    Definitions are compared by what they say: another version of protobuf may write the same
    differently.
    """
    wanted = {environment_path(checked_name("environment", e.name)): e for e in environments}
    written = {
        path: content
        for path, environment in wanted.items()
        if not _says(standing.get(path), content := write_environment(environment))
    }
    return written, {*standing} - {*wanted}


def write_environment(environment: Environment) -> bytes:
    """The published form."""
    published = Environment()
    published.CopyFrom(environment)
    for field in _OF_THE_PLATFORM:
        published.ClearField(field)
    return text_format.MessageToString(published, as_utf8=True).encode()


def read_environment(content: bytes) -> Environment:
    """What was published.

    Raises:
        ReleaseError: It is no definition of an environment.
    """
    try:
        return text_format.Parse(content.decode(), Environment())
    except (text_format.ParseError, ValueError, RecursionError) as error:
        raise ReleaseError(
            f"a published environment cannot be read: {error}. Run the same Whetstone version on "
            "the platform and in the environments, then publish or pull again"
        ) from error


def environment_paths(paths: Iterable[str]) -> list[str]:
    """Those of the targets that are environments' definitions."""
    return [path for path in paths if name_in(path, environment_path)]


def names(paths: Iterable[str]) -> tuple[str, ...]:
    """The environments whose definitions lie at `paths`, sorted."""
    return tuple(sorted(name for path in paths if (name := name_in(path, environment_path))))


def _says(standing: bytes | None, content: bytes) -> bool:
    return standing is not None and read_environment(standing) == read_environment(content)
