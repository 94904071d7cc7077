"""Fixtures of the feature store's tests; importing Feast takes seconds, once per session."""

from collections.abc import Callable
from datetime import datetime, timedelta

import feature_repo  # noqa: F401  (first: it imports Feast in half the time)

# isort: split
import pytest
from feature_worlds import MIDNIGHT, World, make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One registry and set of files; a test writes the feature rows that it reads."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def at() -> Callable[[float], datetime]:
    """The naive UTC instant so many minutes after the world's midnight."""
    return lambda minutes: MIDNIGHT + timedelta(minutes=minutes)
