"""Examine a catalog."""

from whetstone.catalog.loading import CatalogFiles
from whetstone.checking.canaries import bad_canaries
from whetstone.checking.cost import costs
from whetstone.checking.findings import Findings, hint_at
from whetstone.checking.portability import unportable
from whetstone.checking.samples import bad_samples, missing_samples
from whetstone.checking.unused import careless_definitions, unused_definitions
from whetstone.engine import open_engine
from whetstone.errors import CatalogError


def examine(files: CatalogFiles, engine: str) -> Findings:
    """Try every sample and every canary, and look for what could be better.

    Args:
        files: a valid catalog.
        engine: what it runs on; on Spark a definition that Spark cannot run is an error.
    """
    errors: list[CatalogError] = []
    hints = [*unused_definitions(files)]
    for located, field, problem in unportable(files):
        if engine == "spark":
            errors.append(located.error(field, problem))
        else:
            hints.append(hint_at(located, field, "spark", problem))
    with open_engine() as connection:
        errors += bad_samples(connection, files.sources)
        errors += bad_canaries(connection, files)
        for source in files.sources.values():
            hints += [
                *missing_samples(source),
                *careless_definitions(source),
                *costs(connection, source),
            ]
    return Findings(errors, sorted(hints, key=lambda hint: (hint.file, hint.line, hint.kind)))
