"""How old assets may be before Dagster says so."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from assets.freshness import freshness_of
from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.families import families_of
from whetstone.lineage import Node, build_graph

ROOT = Path(__file__).resolve().parent.parent.parent
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(ROOT / "catalog")


@pytest.fixture(scope="module")
def nodes(catalog: Catalog) -> Mapping[str, Node]:
    families = {name for d in catalog.detectors.values() for name in families_of(d)}
    return build_graph(catalog, dict.fromkeys(families, "")).nodes


def windows(node: Node, catalog: Catalog) -> tuple[timedelta | None, timedelta] | None:
    policy = freshness_of(node, catalog)
    if policy is None:
        return None
    warn = policy.warn_window  # pyright: ignore[reportAttributeAccessIssue]
    fail = policy.fail_window  # pyright: ignore[reportAttributeAccessIssue]
    return warn and warn.to_timedelta(), fail.to_timedelta()


@pytest.mark.parametrize("asset", ["parsed/sshd", "scores/ssh_bruteforce_gb", "alerts/daily"])
def test_what_is_made_each_day_has_to_come_each_day(
    asset: str, nodes: Mapping[str, Node], catalog: Catalog
) -> None:
    assert windows(nodes[asset], catalog) == (30 * HOUR, 54 * HOUR)


@pytest.mark.parametrize("asset", ["quality/ssh_bruteforce_gb", "overview/page"])
def test_what_follows_from_verdicts_has_days(
    asset: str, nodes: Mapping[str, Node], catalog: Catalog
) -> None:
    assert windows(nodes[asset], catalog) == (3 * DAY, 7 * DAY)


@pytest.mark.parametrize("layer", ["golden", "release", "evaluation", "training_set"])
def test_what_changes_only_with_its_causes_is_never_too_old(
    layer: str, nodes: Mapping[str, Node], catalog: Catalog
) -> None:
    assert {windows(n, catalog) for n in nodes.values() if n.layer == layer} == {None}


def test_a_model_has_to_keep_its_cadence(nodes: Mapping[str, Node], catalog: Catalog) -> None:
    detector = catalog.detectors["ssh_bruteforce_gb"]
    before = detector.cadence.SerializeToString()
    try:
        detector.cadence.cron, detector.cadence.jitter = "0 3 * * 2", "6h"
        due = 7 * DAY + 6 * HOUR + DAY
        assert windows(nodes["model/ssh_bruteforce_gb"], catalog) == (due, due + 7 * DAY)
        detector.ClearField("cadence")
        assert windows(nodes["model/ssh_bruteforce_gb"], catalog) is None
    finally:
        detector.cadence.ParseFromString(before)
