"""Attacks with nothing but bytes: too many of them, and too slow ones.

As in `test_attacks`, each is refused, and succeeds with that one check taken out of the client.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tuf.ngclient import FetcherInterface

from tests.releases.adversary import DETECTOR, endless, trickling
from tests.releases.attacked import NEW, Attacked, attacks, path_of, without
from whetstone.errors import ReleaseError
from whetstone.releases import fetcher as fetcher_module
from whetstone.releases.channel import index_path
from whetstone.releases.fetcher import WebFetcher
from whetstone.releases.release import target_path

ENOUGH = 32 << 20
FEW = 12 << 20  # what was on its way when the client hung up, and much more


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    with attacks(tmp_path) as begun:
        yield begun


@pytest.mark.parametrize("what", ["timestamp", "snapshot", "targets", "root", "bundle", "index"])
def test_an_endless_data_attack(attacked: Attacked, what: str):
    platform, server = attacked.platform, attacked.server
    if what == "root":
        platform.next_root()
    version = platform.publish(NEW)
    path = {
        "timestamp": "metadata/timestamp.json",
        "snapshot": f"metadata/{platform.snapshot.version}.snapshot.json",
        "targets": f"metadata/{platform.targets.version}.targets.json",
        "root": f"metadata/{platform.root.version}.root.json",
        "bundle": path_of(platform, target_path(DETECTOR, version)),
        "index": path_of(platform, index_path("stable")),
    }[what]
    endless(server, path, ENOUGH)
    attacked.refuses("size check failed.*oversize")
    assert server.sent[path] < FEW
    limited = FetcherInterface.download_file

    def unlimited(self: FetcherInterface, url: str, _: int) -> Any:
        return limited(self, url, 1 << 40)

    # In the end the length proves to be another than was signed: too late.
    with without(FetcherInterface, "download_file", unlimited), suppress(ReleaseError):
        attacked.pull()
    assert server.sent[path] >= ENOUGH


@pytest.mark.parametrize("where", ["headers", "body", "chunks"])
def test_a_slow_retrieval_attack(attacked: Attacked, where: str):
    """Every byte comes in time, all of them never: only the least rate exposes it."""
    version = attacked.platform.publish(NEW)
    trickling(attacked.server, "metadata/timestamp.json", where, pause=0.002)
    attacked.client._fetcher = WebFetcher(patience=0.3, least_rate=1 << 20)
    attacked.refuses("speed check failed.*slow retrieval")
    attacked.client._fetcher = WebFetcher(patience=20.0, least_rate=1 << 20)
    with without(fetcher_module._Watch, "run"):
        assert attacked.pull() == version


def test_a_server_that_says_nothing_is_left(attacked: Attacked):
    trickling(attacked.server, "metadata/timestamp.json", "headers", pause=1.0)
    attacked.client._fetcher = WebFetcher(patience=0.2)
    attacked.refuses("speed check failed.*slow retrieval")
