"""Releases: from a trained model to every environment that runs it, without trust in between.

Workflow:
  * The platform trains a model and describes it as a `Bundle`: graph, operating point, exact
    definitions, manifest, model card. `pack` makes it one file whose version is a hash of its
    content; `unpack` accepts that form and no other.
  * `Repository.init()` makes signing keys and an empty repository of plain files, once.
    `Repository.root()` is what environments have to trust: hand it to them by a way of its own.
  * `Repository.publish()` makes a bundle the champion of its detector in a channel,
    `Repository.rollback()` takes it back. Both sign targets, snapshot and timestamp, in this order;
    clients see either the state before or the state after, also when the publisher is killed.
    Challengers, channel canary and staged rollouts are in `release` and `channel`.
  * `Repository.refresh()`, run daily, renews signatures before they expire. An environment that no
    longer gets renewed metadata learns so within a week, instead of running old detectors for ever.
  * `ceremony.Ceremony` changes keys, which takes the root keys that are kept offline;
    `health.read_health()` says what needs doing. `export` and `mirror` cross air gaps.
  * Any static web server serves the repository's `public` directory.
  * `Client.pull()` in an environment verifies root, timestamp, snapshot, targets, the channel's
    index and each changed bundle, and only then replaces files in its cache. `Client.load()` reads
    the cache, with no network.
  * `Client.pull_environment()` does the same for what the platform has one environment run: its
    signed definition, its channel, how far a release is rolled out, challengers. The bundle before
    each champion stays, and `Client.go_back()` puts it in service again.

What a caller may rely on:
  * Every failed check is a `ReleaseError` that names the check and the remedy, and leaves in
    service what was there: signature, freshness (freeze), rollback, consistency (mix-and-match),
    size, content, form, speed (slow retrieval), reachability. What does not exist yet is a
    `NotReadyError`.
  * Nothing here executes anything from a bundle.

A round trip::

    repository = Repository(Path("releases"))
    repository.init()
    bundle = stamp(Bundle(...))
    repository.publish(pack(bundle), "ssh_bruteforce", bundle.manifest["version"])

    client = Client("https://platform.example/releases", Path("cache"), trusted_root)
    for pulled in client.pull("stable"):
        if pulled.changed:
            swap_model(client.load(pulled.detector))

The attacks and the order of checks are those of
https://theupdateframework.github.io/specification/latest/ (sections 1.5.2 and 5).
"""

from whetstone.releases.bundle import Bundle, pack, stamp, unpack, version
from whetstone.releases.channel import Release
from whetstone.releases.client import Client
from whetstone.releases.pulled import Pulled, PulledEnvironment
from whetstone.releases.repository import Repository

__all__ = [
    "Bundle",
    "Client",
    "Pulled",
    "PulledEnvironment",
    "Release",
    "Repository",
    "pack",
    "stamp",
    "unpack",
    "version",
]
