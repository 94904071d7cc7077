"""Looks for personal data that is left in the lake where it should not be.

Scanned are the text columns of all rows of environments that have a policy: for e-mail addresses
and IBANs everywhere; for addresses where no pseudonyms of addresses stand, that is in columns that
no definition marks. Rows that ought to bear a key's id and do not are counted, too.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import ADDRESS, NOT_PERSONAL, PSEUDONYM, USER, Privacy
from whetstone.engine import open_engine
from whetstone.lake import Lake
from whetstone.privacy.protection import is_text, policies
from whetstone.privacy.text import Found, Texts
from whetstone.privacy.treatment import treatments
from whetstone.sql import identifier, literal

_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
)
_PSEUDONYM = re.compile(r"[uha]-[0-9a-f]{48,}")
_IBAN_LENGTHS = range(15, 35)
# What can hold none of it need not be looked at: for DuckDB, RE2.
_SUSPECT = r"\.\d+\.\d+\.|:.*:|@|%40|[A-Z]{2}\d{2} ?[A-Z0-9]{4}"
# Of a text column: units are entities joined, texts of rejects are treated.
_TREATED_NAMES = ("unit", "raw", "key_id")
_BATCH = 100_000


@dataclass(frozen=True)
class Leftover:
    """Something that should not be there: `what` in a column of a file of the lake, and how often.

    `rows` counts rows; what was found is not repeated here.
    """

    where: str
    environment: str
    column: str
    what: str
    rows: int


def scan(lake: Lake, catalog: Catalog) -> Iterator[Leftover]:
    """All that is left over, file by file."""
    chosen = policies(catalog.environments.values())
    treated = _treated_columns(catalog)
    for path in _parquet_files(lake.root) if chosen else []:
        with open_engine(lake.root) as connection:
            try:
                yield from _scan_file(connection, lake.root, path, chosen, treated)
            except duckdb.IOException:
                if path.exists():  # else its rows have expired meanwhile
                    raise


def _parquet_files(root: Path) -> list[Path]:
    # Not rglob, which fails where a directory goes that it is about to look into.
    found = ((directory, name) for directory, _, names in os.walk(root) for name in names)
    return sorted(Path(directory, name) for directory, name in found if name.endswith(".parquet"))


def ibans(text: str) -> list[str]:
    """The IBANs in a text whose check digits are right (ISO 13616, mod 97)."""
    return [found[0] for found in _IBAN.finditer(text) if _is_iban(found[0].replace(" ", ""))]


def _scan_file(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    path: Path,
    chosen: dict[str, Privacy],
    treated: frozenset[str],
) -> Iterator[Leftover]:
    relation = f"read_parquet({literal(str(path))}, hive_partitioning = false)"
    described = connection.sql(f"DESCRIBE FROM {relation}").project("#1, #2").fetchall()
    types: dict[str, str] = dict(described)
    if "environment" not in types:
        return
    where = str(path.relative_to(root))
    for environment, policy in chosen.items():
        of_environment = f"{relation} WHERE environment = {literal(environment)}"
        if "key_id" in types:
            rows = connection.sql(
                f"SELECT count(*) FROM {of_environment} AND key_id IS NULL"
            ).fetchall()[0][0]
            if rows:
                yield Leftover(where, environment, "key_id", "row without a key's id", rows)
        for column, kind in types.items():
            if kind not in ("VARCHAR", "VARCHAR[]") or column == "environment":
                continue
            text = identifier(column) if kind == "VARCHAR" else f"unnest({identifier(column)})"
            found: Counter[str] = Counter()
            suspects = connection.execute(
                f"""SELECT value, count(*) FROM (SELECT {text} AS value FROM {of_environment})
                    WHERE regexp_matches(value, {literal(_SUSPECT)}) GROUP BY value"""
            )
            while batch := suspects.fetchmany(_BATCH):
                found += _found_in(batch, policy, column in treated)
            for what, rows in sorted(found.items()):
                yield Leftover(where, environment, column, what, rows)


def _found_in(values: Sequence[tuple[str, int]], policy: Privacy, is_treated: bool) -> Counter[str]:
    """Rows by what their value bears."""
    column = pa.array([value for value, _ in values], pa.string())
    kinds = set(treatments(policy)) & {ADDRESS, USER}
    if is_treated and policy.addresses == PSEUDONYM:
        kinds.discard(ADDRESS)  # A pseudonym looks like an address.
    texts = Texts(column)
    rows: Counter[str] = Counter()
    for kind, what in ((ADDRESS, "address"), (USER, "e-mail address")):
        if kind in kinds:
            places = [i.start for i in texts.find([kind], []) if not _is_treated(texts, i)]
            rows[what] = sum(values[row][1] for row in set(texts.rows_of(places).tolist()))
    rows["IBAN"] = sum(count for value, count in values if ibans(value))
    return +rows


def _is_treated(texts: Texts, item: Found) -> bool:
    """Whether it is what a policy made of it: a network, or a pseudonym in front of an @."""
    if item.kind == ADDRESS:
        return texts.follows(item.end, b"/24") or texts.follows(item.end, b"/48")
    return _PSEUDONYM.fullmatch(item.value) is not None


def _is_iban(text: str) -> bool:
    digits = "".join(str(int(symbol, 36)) for symbol in text[4:] + text[:4])
    return len(text) in _IBAN_LENGTHS and int(digits) % 97 == 1


def _treated_columns(catalog: Catalog) -> frozenset[str]:
    """The names of columns in which pseudonyms stand."""
    names = {
        field.name
        for source in catalog.sources.values()
        for field in source.fields
        if field.personal_data != NOT_PERSONAL or is_text(field.name, field.personal_data, source)
    }
    return frozenset({*names, *_TREATED_NAMES})
