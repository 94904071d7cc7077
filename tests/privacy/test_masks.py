"""Templates are mined from treated messages: a pseudonym is variable, like what it stands for."""

import duckdb
import pytest

from whetstone.catalog.catalog_pb2 import HOST, USER
from whetstone.parsing.templates_masks import MASKING
from whetstone.privacy import Key
from whetstone.privacy.treatment import Pseudonyms

PSEUDONYMS = Pseudonyms(Key("oslo/2026-03-01", bytes(range(32))))


def masked(message: str) -> str:
    with duckdb.connect() as connection:
        sql = f"SELECT {MASKING.mask_sql(MASKING.key_sql('$1'))}"
        return connection.execute(sql, [message]).fetchall()[0][0]


@pytest.mark.parametrize("kind", [USER, HOST])
def test_all_names_and_addresses_leave_one_mask(kind: int) -> None:
    masks = {
        masked(
            f"Failed password for {PSEUDONYMS.of(kind, f'name{number}')}"
            f" from {PSEUDONYMS.of(kind, f'10.1.{number % 256}.7')} port {number} ssh2"
        )
        for number in range(300)
    }
    assert len(masks) == 1
    assert "Failed password for" in masks.pop()
