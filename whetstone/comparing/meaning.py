"""What was edited, and what will run again because of it (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from whetstone.catalog import Catalog
from whetstone.catalog.families import families_of
from whetstone.catalog.flat import flat
from whetstone.catalog.hashes import message_hash, source_hash, view_hash
from whetstone.lineage import Follow, Graph, build_graph


@dataclass(frozen=True)
class Edit:
    """One place of a definition: its path and its values, None where it is not there."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class DefinitionChange:
    """A definition that is new, gone or edited.

    `means` tells whether it now means something else; words for people mean nothing to the graph.
    """

    kind: str
    name: str
    change: str
    means: bool
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Rerun:
    """An asset that runs again.

    `certain`: its own definitions changed. Else it runs if the content of what it is made from
    comes out different: like a build system, the graph stops where content is equal.
    """

    asset: str
    certain: bool
    cause: str


def changes_of_definitions(before: Catalog, after: Catalog) -> list[DefinitionChange]:
    """Every definition that differs, in the order of the layers."""
    return [
        *_changes("source", before.sources, after.sources),
        *_changes("feature view", before.feature_views, after.feature_views),
        *_changes("golden dataset", before.golden_datasets, after.golden_datasets),
        *_changes("detector", before.detectors, after.detectors),
        *_changes("environment", before.environments, after.environments),
    ]


def reruns(before: Catalog, after: Catalog) -> list[Rerun]:
    """What the change makes run again, parents first."""
    detectors = (*before.detectors.values(), *after.detectors.values())
    # The training code is the same on both sides.
    code = dict.fromkeys((one for detector in detectors for one in families_of(detector)), "")
    old, new = build_graph(before, code), build_graph(after, code)
    found: dict[str, Rerun] = dict(_changed_roots(before, after))
    for asset, node in new.nodes.items():
        known = old.nodes.get(asset)
        if known is None:
            found[asset] = Rerun(asset, True, "is new")
        elif known.code_version != node.code_version:
            found[asset] = Rerun(asset, True, "its definitions changed")
        elif feeding := _feeding(new, old, asset, found):
            found[asset] = Rerun(asset, False, f"follows {feeding}")
    return [rerun for asset, rerun in found.items() if asset in new.nodes]


def vanished_assets(before: Catalog, after: Catalog) -> list[str]:
    """Assets that nothing will make any more."""
    detectors = (*before.detectors.values(), *after.detectors.values())
    code = dict.fromkeys((one for detector in detectors for one in families_of(detector)), "")
    old, new = build_graph(before, code), build_graph(after, code)
    return [asset for asset in old.nodes if asset not in new.nodes]


def _feeding(new: Graph, old: Graph, asset: str, found: Mapping[str, Rerun]) -> str | None:
    """The first input whose change reaches an asset."""
    for source in new.nodes[asset].inputs:
        if source.asset not in found or source.follow is Follow.AFTER:
            continue
        if source.follow is not Follow.PRESENCE or source.asset not in old.nodes:
            return source.asset
    return None


def _changed_roots(before: Catalog, after: Catalog) -> Iterator[tuple[str, Rerun]]:
    """Raw files that mean something else: their environment's clocks run in another zone."""
    for name in before.environments.keys() & after.environments.keys():
        environment = after.environments[name]
        if before.environments[name].time_zone != environment.time_zone:
            for source in environment.sources:
                asset = f"landing/{source}"
                yield asset, Rerun(asset, True, f"the time zone of {name} changed")


def _changes(
    kind: str, before: Mapping[str, Message], after: Mapping[str, Message]
) -> Iterator[DefinitionChange]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None:
            yield DefinitionChange(kind, name, "new", True, ())
        elif new is None:
            yield DefinitionChange(kind, name, "gone", True, ())
        elif edits := tuple(_edits(flat(old), flat(new))):
            yield DefinitionChange(kind, name, "edited", _meaning(old) != _meaning(new), edits)


def _meaning(message: Any) -> str:
    match message.DESCRIPTOR.name:
        case "Source":
            return source_hash(message)
        case "FeatureView":
            return view_hash(message)
        case _:
            return message_hash(message)


def _edits(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Edit]:
    for path in dict.fromkeys((*before, *after)):
        if before.get(path) != after.get(path):
            yield Edit(path, before.get(path), after.get(path))
