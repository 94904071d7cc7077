"""An environment under attack, and its client with one check taken out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.releases.adversary import (
    DETECTOR,
    ENVIRONMENT,
    Platform,
    Server,
    served,
)
from tests.releases.builders import example
from whetstone.errors import ReleaseError
from whetstone.releases import Client

OLD, NEW = example(DETECTOR, 1), example(DETECTOR, 2)


class Attacked:
    """An environment that pulled once, honestly, and what stands between it and the platform."""

    def __init__(self, server: Server, platform: Platform, directory: Path):
        self.server, self.platform = server, platform
        platform.publish(OLD)
        self.client = Client(server.url, directory / "cache", platform.trusted_root)
        self.pull()

    def pull(self) -> str | None:
        """Which version is in service after a pull."""
        champions = self.client.pull_environment(ENVIRONMENT).champions
        return champions[DETECTOR].version if champions else None

    def refuses(self, check: str, serving: object = OLD) -> None:
        """A pull fails by `check` and leaves in service what was."""
        with pytest.raises(ReleaseError, match=check):
            self.pull()
        assert self.client.load(DETECTOR) == serving

    def serve(self, files: dict[str, bytes]) -> None:
        """The attacker's files in the place of the platform's."""
        self.server.files = files


@contextmanager
def attacks(directory: Path) -> Iterator[Attacked]:
    """Begins with an honest platform that published `OLD`, which is in service."""
    platform = Platform()
    with served(platform) as server:
        yield Attacked(server, platform, directory)


@contextmanager
def without(owner: Any, check: str, instead: Any = lambda *_, **__: None) -> Iterator[None]:
    """The client with one check taken out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, check, instead)
        yield


def path_of(platform: Platform, target: str) -> str:
    return f"targets/{platform.targets.targets[target].get_prefixed_paths()[0]}"
