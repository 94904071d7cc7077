"""Releases as one file, for environments that no network reaches.

A tar (see `archive`) of metadata/<name> as a client would download it, and targets/<sha256>: the
indexes of the exported channels, the environments, and the bundles that they may want. Nothing in
it has to be trusted: `mirror` verifies all of it by signature. It holds no secret.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tuf.ngclient import TargetFile

from whetstone.errors import NotReadyError
from whetstone.releases import archive
from whetstone.releases.bundle import MAX_BUNDLE_BYTES
from whetstone.releases.channel import Channel, index_path
from whetstone.releases.environments import environment_paths
from whetstone.releases.files import TEMPORARY, replace_durably
from whetstone.releases.release import CANARY, STABLE
from whetstone.releases.repository import Repository

_MAX_METADATA_BYTES = 64 << 20
_METADATA = re.compile(r"metadata/([0-9]{1,9}\.(root|targets|snapshot)|timestamp)\.json")
_TARGET = re.compile(r"targets/[0-9a-f]{64}")


@dataclass(frozen=True)
class Exported:
    """What an export holds.

    Attributes:
        file: The file.
        channels: The channels, by name.
        bundles: How many bundles.
        size: Of the file, in bytes.
        expires: ISO 8601 instant (UTC) from which on it is refused.
    """

    file: Path
    channels: tuple[str, ...]
    bundles: int
    size: int
    expires: str


def export(
    repository: Repository,
    file: Path,
    channels: Sequence[str] = (STABLE,),
    valid: timedelta | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Writes the releases of `channels` into `file`, whole or not at all.

    Args:
        repository: The publisher's.
        file: To write; replaced if it is there.
        channels: With canary goes stable, which it lies over.
        valid: How long mirrors serve it; None: as long as the standing timestamp lasts. A longer
            time than the served timestamp's is also how long a mirror may be kept on old releases
            unnoticed.
        say: Told of progress.

    Raises:
        NotReadyError: The repository was not initialised, or nothing was published in a channel.
        ReleaseError: It is damaged, or other metadata ends before `valid`.
        OSError: The file cannot be written.
    """
    store = repository.store
    with store.changing():
        state = store.metadata.read()
        if valid is None:
            metadata = store.metadata.files(state)
        else:
            metadata = store.metadata.lasting_files(state, store.clock(), valid)
            state = store.metadata.read()
    expires = state.timestamp.expires if valid is None else store.clock() + valid
    beneath = [STABLE] if CANARY in channels else []
    names = tuple(sorted({*channels, *beneath}))
    indexes = {name: store.channel(state, name) for name in names}
    if empty := [name for name in channels if not layered(name, indexes).detectors]:
        raise NotReadyError(f"nothing was published in channel {empty[0]}. Publish to it first")
    targets = state.targets.targets
    bundles = bundle_paths(indexes)
    wanted = [*map(index_path, names), *environment_paths(targets), *bundles]
    present = [targets[path] for path in wanted if path in targets]
    partial = file.with_name(f"{TEMPORARY}{file.name}")
    with partial.open("wb") as out:
        for name, content in metadata.items():
            archive.append(out, f"metadata/{name}", content)
        for number, target in enumerate(present, start=1):
            say(f"{number} of {len(present)}: {target.path}")
            archive.append(out, member_of(target), store.read(target))
        archive.finish(out)
    size = partial.stat().st_size
    replace_durably(partial, file)
    return Exported(file, names, len(bundles), size, expires.replace(microsecond=0).isoformat())


def layered(name: str, indexes: Mapping[str, Channel]) -> Channel:
    """What an environment of that channel follows."""
    found = indexes.get(name, Channel.empty())
    return found.over(indexes.get(STABLE, Channel.empty())) if name == CANARY else found


def bundle_paths(indexes: Mapping[str, Channel]) -> tuple[str, ...]:
    """The bundles that environments of these channels may want."""
    found = {
        release.target: None
        for name in indexes
        for detector in layered(name, indexes).detectors
        for release in layered(name, indexes).needed(detector)
    }
    return tuple(sorted(found))


def member_of(target: TargetFile) -> str:
    """The name under which an archive holds a target."""
    return f"targets/{target.hashes['sha256']}"


def limit_of(member: str) -> int | None:
    """The largest size of a member of an archive; None: there is none of that name."""
    if _METADATA.fullmatch(member):
        return _MAX_METADATA_BYTES
    return MAX_BUNDLE_BYTES if _TARGET.fullmatch(member) else None
