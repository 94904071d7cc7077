"""The feature store of an installation: open it, bring it up to date, join training features.

Any number of processes and threads may do so at once: opening and applying take a file lock,
reading takes none.
"""

import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import yaml
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, Project, RepoConfig
from feast.data_source import DataSource
from feast.errors import FeatureServiceNotFoundException
from feast.feature_view_projection import FeatureViewProjection
from feast.types import from_feast_to_pyarrow_type
from sqlalchemy.engine import make_url

from feature_repo.objects import (
    DEFINITION_TAG,
    FeastObjects,
    feast_objects,
    slow_service_name,
)
from whetstone.catalog.catalog_pb2 import Definitions
from whetstone.errors import InputError, NotReadyError
from whetstone.settings import settings

_CONFIGURATION = Path(__file__).with_name("feature_store.yaml")
_CATALOG_TAG = "catalog_sha256"
_Thing = Entity | FeatureView | FeatureService


@dataclass(frozen=True)
class Applied:
    """What `apply` did.

    Attributes:
        changed: names of the objects that were new or different.
        removed: names of the objects that were no longer in the catalog.
    """

    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def open_store(home: Path) -> FeatureStore:
    """The feature store under `home`, as `feature_store.yaml` describes it; made if need be.

    Args:
        home: the installation's directory; the store lives in `home/feast`.
    """
    home = home.resolve()
    configuration = yaml.safe_load(_CONFIGURATION.read_text())
    for part in ("registry", "online_store"):
        path = Template(configuration[part]["path"])
        configuration[part]["path"] = path.substitute(WHETSTONE_HOME=home)
    if url := settings().online_store:
        configuration["online_store"] = _redis(url)
    configuration["offline_store"] |= {
        "memory_limit": settings().memory_limit,
        "threads": settings().threads,
    }
    config = RepoConfig(**configuration)
    (home / "feast").mkdir(parents=True, exist_ok=True)
    with _locked(config):
        store = FeatureStore(config=config)
        store.refresh_registry()  # creates its tables
    return store


def apply(store: FeatureStore, definitions: Definitions, lake: Path) -> Applied:
    """Bring the store's objects in line with the catalog; nothing happens when they are.

    Only objects whose definition changed are written. Objects that others put into the store are
    left alone.

    Args:
        store: from `open_store`.
        definitions: all sources, feature views, golden datasets and detectors.
        lake: the lake's directory.

    Raises:
        CatalogError: see `feature_repo.objects.feast_objects`.
    """
    wanted = feast_objects(definitions, lake)
    catalog = hashlib.sha256("".join(thing.tags[DEFINITION_TAG] for thing in wanted).encode())
    with _locked(store.config):
        project = _project(store)
        if project.tags.get(_CATALOG_TAG) == catalog.hexdigest():
            return Applied()
        applied = _apply_difference(store, wanted)
        # Written last: after an interruption the next call finishes the work.
        project = _project(store)
        project.tags = {**project.tags, _CATALOG_TAG: catalog.hexdigest()}
        store.registry.apply_project(project)
        store.refresh_registry()
    return applied


def training_frame(store: FeatureStore, detector_name: str, spine: pa.Table) -> pa.Table:
    """Labelled examples with the features that a detector is trained on.

    Args:
        store: from `open_store`, after `apply`.
        detector_name: name of the detector, which is the name of its feature service.
        spine: a row an example: `environment`, the entity columns, `event_timestamp` (UTC), and
            whatever else is to be kept.

    Returns:
        The spine, its rows in their order and its columns unchanged, then the detector's features
        in the detector's order and with their declared types; null where no feature row of the
        example's unit was known at its event timestamp.

    Raises:
        InputError: the spine lacks a column, or has one with a feature's name.
        NotReadyError: the detector has not been applied, or its features are not in the lake yet.
    """
    store.refresh_registry()
    try:
        service = store.get_feature_service(detector_name)
    except FeatureServiceNotFoundException as error:
        raise NotReadyError(
            f"detector {detector_name} is not in the feature store: apply the catalog first"
        ) from error
    joined = store.get_historical_features(entity_df=spine, features=service).to_arrow()
    frame = spine
    for projection in service.feature_view_projections:
        for field in projection.features:
            frame = frame.append_column(field.name, _typed(joined[field.name], projection, field))
    return frame


def slow_frame(store: FeatureStore, detector_name: str, units: pa.Table) -> pa.Table:
    """The slow features of a detector for units of its examples, as of the units' start.

    Args:
        store: from `open_store`, after `apply`.
        detector_name: name of a detector that has slow features.
        units: a row a unit: `environment`, the entity columns and `unit_start` (UTC).

    Returns:
        The slow features as `<view>__<feature>`, in the detector's order and with their declared
        types; a row a unit.

    Raises:
        InputError: the units lack a column.
        NotReadyError: the history of the examples is not in the lake yet.
    """
    store.refresh_registry()
    service = store.get_feature_service(slow_service_name(detector_name))
    views = [store.get_feature_view(p.name) for p in service.feature_view_projections]
    keys = dict.fromkeys(column.name for view in views for column in view.entity_columns)
    spine = units.select([*keys, "unit_start"]).rename_columns([*keys, "event_timestamp"])
    joined = store.get_historical_features(
        entity_df=spine, features=service, full_feature_names=True
    ).to_arrow()
    columns: dict[str, pa.ChunkedArray] = {}
    for projection in service.feature_view_projections:
        for field in projection.features:
            name = f"{projection.name_to_use()}__{field.name}"
            columns[name] = _typed(joined[name], projection, field)
    return pa.table(columns)


def _typed(
    column: pa.ChunkedArray, projection: FeatureViewProjection, field: Field
) -> pa.ChunkedArray:
    kind = from_feast_to_pyarrow_type(field.dtype)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid as error:
        raise InputError(f"{projection.name}:{field.name} as {kind}: {error}") from error


def _redis(url: str) -> dict[str, str]:
    """Feast's configuration of a Redis that an URL names."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise InputError(f"WHETSTONE_ONLINE_STORE: {url!r} is not redis://HOST:PORT/DATABASE")
    options = {
        "db": parts.path.strip("/") or "0",
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "ssl": "true" if parts.scheme == "rediss" else "",
    }
    given = [f"{name}={value}" for name, value in options.items() if value]
    address = f"{parts.hostname}:{parts.port or 6379}"
    return {"type": "redis", "connection_string": ",".join([address, *given])}


def _apply_difference(store: FeatureStore, wanted: FeastObjects) -> Applied:
    present = _present(store)
    names = {(_kind(thing), thing.name) for thing in wanted}
    changed = [thing for thing in wanted if not _equal(thing, present)]
    removed = [thing for key, thing in present.items() if key not in names]
    sources: list[DataSource] = [
        thing.batch_source
        for thing in removed
        if isinstance(thing, FeatureView) and thing.batch_source is not None
    ]
    store.apply(list(changed), objects_to_delete=[*removed, *sources], partial=False)
    return Applied(tuple(thing.name for thing in changed), tuple(thing.name for thing in removed))


def _present(
    store: FeatureStore,
) -> dict[tuple[str, str], _Thing]:
    """The objects in the store that came from a catalog, by kind and name."""
    registry, project = store.registry, store.project
    found: list[_Thing] = [
        *registry.list_entities(project),
        *registry.list_feature_views(project),
        *registry.list_feature_services(project),
    ]
    return {(_kind(thing), thing.name): thing for thing in found if DEFINITION_TAG in thing.tags}


def _equal(thing: _Thing, present: Mapping[tuple[str, str], _Thing]) -> bool:
    found = present.get((_kind(thing), thing.name))
    return found is not None and found.tags[DEFINITION_TAG] == thing.tags[DEFINITION_TAG]


def _kind(thing: _Thing) -> str:
    return type(thing).__name__


def _project(store: FeatureStore) -> Project:
    projects = {project.name: project for project in store.registry.list_projects()}
    return projects.get(store.project) or Project(name=store.project)


@contextmanager
def _locked(config: RepoConfig) -> Iterator[None]:
    """One writer at a time, of all processes and threads on this machine."""
    database = make_url(str(config.registry_config["path"])).database or ""
    with Path(f"{database}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
