"""The parts of definitions say what changed wherever a code version says that something did."""

import random

import pytest
from edited_catalogs import code_of, code_versions, edit_anything, edited, shipped

from whetstone.catalog import Catalog
from whetstone.definition_parts import parts_of
from whetstone.reasons import changed_parts


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return shipped()


@pytest.mark.parametrize("seed", range(25))
def test_parts_differ_exactly_where_code_versions_do(catalog: Catalog, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    after, where = edit_anything(catalog, chance)
    old, new = code_versions(catalog), code_versions(after)
    changed = {asset for asset in new if old[asset] != new[asset]}
    code = code_of(catalog)
    unchanged = chance.sample(sorted(new.keys() - changed), 25)

    def meanings(of: Catalog, asset: str) -> dict[str, str]:
        return {name: part.meaning for name, part in parts_of(of, code, asset).items()}

    for asset in changed:
        assert meanings(catalog, asset) != meanings(after, asset), (where, asset)
    for asset in unchanged:
        assert meanings(catalog, asset) == meanings(after, asset), (where, asset)


def test_another_order_is_told_as_such(catalog: Catalog) -> None:
    after, dataset = edited(catalog, "golden_datasets", "ssh_bruteforce")
    classes = list(dataset.classes)  # type: ignore[attr-defined]
    del dataset.classes[:]  # type: ignore[attr-defined]
    dataset.classes.extend(reversed(classes))  # type: ignore[attr-defined]
    asset, code = "golden/ssh_bruteforce", code_of(catalog)

    (change,) = changed_parts(parts_of(catalog, code, asset), parts_of(after, code, asset))

    assert str(change) == "the order of its definitions changed"
    assert code_versions(catalog)[asset] != code_versions(after)[asset]


def test_another_family_and_its_code_are_named(catalog: Catalog) -> None:
    after, detector = edited(catalog, "detectors", "ssh_bruteforce_gb")
    detector.ClearField("gradient_boosting")
    detector.isolation_forest.SetInParent()  # type: ignore[attr-defined]
    asset, code = "model/ssh_bruteforce_gb", code_of(catalog)

    changes = changed_parts(parts_of(catalog, code, asset), parts_of(after, code, asset))

    told = {change.what: change.verb for change in changes}
    assert told["training code of gradient_boosting"] == "disappeared"
    assert told["isolation_forest of detector ssh_bruteforce_gb"] == "appeared"
