"""What assets weigh: what the catalog accepts, what of it leaves the platform, what it means."""

import pytest
from google.protobuf import text_format

from triage.queue.weights import Weights
from whetstone.catalog.asset_problems import asset_problems
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.catalog.hashes import message_hash
from whetstone.releases.environments import read_environment, write_environment

SITE = text_format.Parse(
    """name: "oslo" sources: "sshd"
    assets { name: "gateways" values: "10.1.0.0/16" values: "2001:db8::/32" weight: 4 }
    assets { name: "servers" values: "10.1.0.7" values: "srv-*" weight: 9 }""",
    Environment(),
)


@pytest.mark.parametrize(
    ("value", "weight"),
    [
        ("10.1.2.3", 4),
        ("10.1.0.7", 9),
        ("2001:DB8::1", 4),
        ("SRV-db1", 9),
        ("10.2.0.1", 1),
        ("srv", 1),
        ("10.1.0.0/16", 4),
        ("[erased]", 1),
        ("", 1),
    ],
)
def test_the_largest_weight_that_fits_counts(value: str, weight: float) -> None:
    assets = [(asset.values, asset.weight) for asset in SITE.assets]
    weights = Weights({"oslo": assets})
    assert weights.of("oslo", [value]) == weight
    assert weights.of("berlin", [value]) == 1


def test_a_name_with_brackets_is_a_name() -> None:
    weights = Weights({"oslo": [(["[a]?"], 2.0)]})
    assert (weights.of("oslo", ["[a]?"]), weights.of("oslo", ["ab"])) == (2, 1)


@pytest.mark.parametrize(
    ("asset", "field"),
    [
        ('name: "Gate" values: "a" weight: 2', "assets[0].name"),
        ('name: "a" values: "a" weight: 0', "assets[0].weight"),
        ('name: "a" values: "a" weight: nan', "assets[0].weight"),
        ('name: "a" values: "a" weight: 101', "assets[0].weight"),
        ('name: "a" weight: 2', "assets[0].values"),
        ('name: "a" values: "*" weight: 2', "assets[0].values[0]"),
        ('name: "a" values: "10.1.0.1/16" weight: 2', "assets[0].values[0]"),
    ],
)
def test_what_is_wrong_is_named(asset: str, field: str) -> None:
    environment = text_format.Parse(f"assets {{ {asset} }}", Environment())
    assert [path for path, _ in asset_problems(environment)] == [field]


def test_what_is_right_has_no_problems_and_a_name_stands_once() -> None:
    assert list(asset_problems(SITE)) == []
    twice = Environment(assets=[SITE.assets[0], SITE.assets[0]])
    assert [path for path, _ in asset_problems(twice)] == ["assets[1].name"]


def test_weights_are_in_no_hash_and_do_not_leave_the_platform() -> None:
    bare = Environment(name="oslo", sources=["sshd"])
    assert message_hash(SITE) == message_hash(bare)
    assert read_environment(write_environment(SITE)) == bare
