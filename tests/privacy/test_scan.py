"""What a policy should have treated and did not is found, and nothing else."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from privacy_worlds import PSEUDONYMS, Site, catalog_of, line

from whetstone.lake import Lake
from whetstone.privacy.scan import Leftover, ibans, scan

IBAN = "DE89 3704 0044 0532 0130 00"
MESSAGE = "root@10.1.2.3 and ana@example.org from 10.1.2.4 to gate1"


def stored(lake: Path, table: pa.Table, place: str = "parsed/vpn/day=2026-03-01") -> None:
    path = lake / place / "part.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def found(lake: Path, policies: dict[str, str]) -> list[Leftover]:
    return list(scan(Lake(lake), catalog_of(policies)))


@pytest.mark.parametrize(
    "policy",
    [
        PSEUDONYMS,
        "addresses: DROP users: DROP",
        "addresses: GENERALISE users: GENERALISE hosts: GENERALISE",
        "addresses: PSEUDONYM",
        "users: PSEUDONYM",
    ],
)
def test_nothing_is_left_of_what_was_parsed_with_a_policy(tmp_path: Path, policy: str) -> None:
    site = Site(tmp_path, {"oslo": policy})
    site.land([line(MESSAGE), line("x", user="bo@example.org"), "nonsense(10.1.2.3)"])
    rows = site.parse()
    stored(tmp_path / "lake", rows.events)
    stored(tmp_path / "lake", rows.rejects, "rejects/vpn/day=2026-03-01")
    assert found(tmp_path / "lake", site.policies) == []


def test_rows_of_before_the_policy_are_found(tmp_path: Path) -> None:
    site = Site(tmp_path, {"oslo": "", "lisbon": ""})
    for environment in site.policies:
        site.land([line(MESSAGE), line(f"pay {IBAN}")], environment)
    stored(tmp_path / "lake", site.parse().events)
    left = found(tmp_path / "lake", {"oslo": PSEUDONYMS, "lisbon": ""})
    where = "parsed/vpn/day=2026-03-01/part.parquet"
    assert Leftover(where, "oslo", "key_id", "row without a key's id", 2) in left
    assert Leftover(where, "oslo", "message", "e-mail address", 1) in left
    assert Leftover(where, "oslo", "message", "IBAN", 1) in left
    assert {each.environment for each in left} == {"oslo"}
    assert found(tmp_path / "lake", dict.fromkeys(site.policies, "")) == []


def test_addresses_in_columns_that_no_definition_marks_are_found(tmp_path: Path) -> None:
    table = pa.table(
        {
            "environment": ["oslo"] * 4,
            "src_ip": ["10.0.0.1"] * 4,
            "agent": ["curl/1.2.3.4", "curl", "fe80::1", "12:30:45"],
            "tags": [["a", "10.0.0.9"], [], None, ["::1", "10.0.0.9"]],
        }
    )
    stored(tmp_path, table, "features/vpn_5m")
    left = found(tmp_path, {"oslo": PSEUDONYMS})
    assert [(each.column, each.what, each.rows) for each in left] == [
        ("agent", "address", 2),
        ("tags", "address", 3),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"to {IBAN}.", [IBAN]),
        ("GB82WEST12345698765432", ["GB82WEST12345698765432"]),
        ("NO9386011117947", ["NO9386011117947"]),
        ("DE89 3704 0044 0532 0130 01", []),
        ("XX00 0000 0000 0000", []),
        ("no account in here, AB12", []),
    ],
)
def test_ibans_are_known_by_their_check_digits(text: str, expected: list[str]) -> None:
    assert ibans(text) == expected
