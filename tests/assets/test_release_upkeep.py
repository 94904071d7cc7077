"""What the platform does for its release repository every day, and when environments change."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.platform import open_factory
from assets.releases import environments_sensor, renew
from resources import ReleaseRepositoryResource
from whetstone.releases import Repository
from whetstone.releases.health import root_needs_signing
from whetstone.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TWO_YEARS = timedelta(days=730)


def made_before(directory: Path, age: timedelta) -> Repository:
    """A repository whose root key was taken offline."""
    Repository(directory, clock=lambda: datetime.now(UTC) - age).init()
    (directory / "root-keys" / "root.pem").unlink()
    return Repository(directory)


def run_daily(directory: Path) -> None:
    with dg.build_op_context() as context:
        renew(context, releases=ReleaseRepositoryResource(directory=str(directory)))


def test_the_daily_renewal_needs_no_root_key(tmp_path: Path) -> None:
    repository = made_before(tmp_path, timedelta(days=5))
    before = repository.store.metadata.read().timestamp.version
    run_daily(tmp_path)
    assert repository.store.metadata.read().timestamp.version > before


def test_a_root_that_ends_within_a_month_fails_the_run_and_the_rest_is_renewed(
    tmp_path: Path,
) -> None:
    repository = made_before(tmp_path, TWO_YEARS - timedelta(days=20))
    with pytest.raises(dg.Failure, match="whetstone releases sign-root"):
        run_daily(tmp_path)
    assert repository.store.metadata.read().timestamp.expires > datetime.now(UTC)


def test_a_root_that_ends_within_three_months_does_not_fail_the_run_yet(tmp_path: Path) -> None:
    repository = made_before(tmp_path, TWO_YEARS - timedelta(days=60))
    run_daily(tmp_path)
    assert root_needs_signing(repository, datetime.now(UTC))


def test_environments_are_published_when_the_platform_starts_and_when_they_change(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path, catalog=ROOT / "catalog")
    factory = open_factory(settings)
    catalog, sensor = factory.catalog, environments_sensor(factory)
    resources = {"releases": ReleaseRepositoryResource(directory=str(settings.releases))}
    with dg.build_sensor_context(resources=resources) as context:
        first = sensor.evaluate_tick(context).skip_message
        second = sensor.evaluate_tick(context).skip_message
    assert first == f"published: {', '.join(sorted(catalog.environments))}"
    assert second == "published: nothing changed"
    assert Repository(settings.releases).environments().keys() == catalog.environments.keys()
