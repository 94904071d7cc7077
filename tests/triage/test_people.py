"""Who may give whom what, and what tokens may: on both databases."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from starlette.exceptions import HTTPException

from tests.triage.logged_in import PASSWORD, QUICK
from triage.access import LOCAL, Permission, Principal, Role
from triage.access.api_tokens import ApiTokens
from triage.access.passwords import Passwords
from triage.access.people import People
from triage.access.rates import Rates
from triage.access.sessions import Sessions
from triage.database import Database
from whetstone.audit import AuditLog
from whetstone.errors import InputError, StorageError

NOON = datetime.fromisoformat("2026-03-02T12:00:00")
READ = frozenset({Permission.READ})


@pytest.fixture
def database(case_store_url: str) -> Iterator[Database]:
    with closing(Database(case_store_url)) as database:
        yield database


@pytest.fixture
def trail(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit" / "triage.jsonl")


@pytest.fixture
def people(database: Database, trail: AuditLog) -> People:
    people = People(database, trail, QUICK)
    for name, roles in {
        "ada": {"*": Role.ADMIN},
        "oda": {"oslo": Role.ADMIN},
        "bob": {"berlin": Role.ANALYST},
    }.items():
        people.add(LOCAL, name, roles, PASSWORD)
    return people


def who(people: People, name: str) -> Principal:
    person = people.find(name)
    assert person is not None
    return person.principal


def refuses() -> pytest.RaisesExc[HTTPException]:
    return pytest.raises(HTTPException, check=lambda error: error.status_code == 403)


def test_nobody_gives_more_than_they_have(people: People) -> None:
    oda, bob = who(people, "oda"), who(people, "bob")
    people.add(oda, "ole", {"oslo": Role.ADMIN}, PASSWORD)
    too_much = {"oslo": Role.VIEWER, "*": Role.ADMIN}
    for roles in ({"*": Role.VIEWER}, {"berlin": Role.VIEWER}, too_much):
        with refuses():
            people.add(oda, "eve", roles, PASSWORD)
    with refuses():
        people.add(bob, "eve", {"berlin": Role.VIEWER}, PASSWORD)
    with refuses():
        people.give_role(oda, "oda", "*", Role.ADMIN)
    with refuses():
        people.give_role(oda, "bob", "berlin", None)
    people.give_role(oda, "bob", "oslo", Role.ENGINEER)
    found = people.find("bob")
    assert found is not None
    assert found.roles == {"berlin": Role.ANALYST, "oslo": Role.ENGINEER}
    assert people.find("eve") is None


def test_nobody_takes_over_who_has_more(people: People) -> None:
    oda = who(people, "oda")
    for change in (
        lambda: people.set_password(oda, "ada", "a password of mine"),
        lambda: people.set_password(oda, "bob", "a password of mine"),
        lambda: people.remove(oda, "ada"),
        lambda: people.remove(oda, "bob"),
    ):
        with refuses():
            change()
    assert people.recognised("ada", PASSWORD) is not None
    people.give_role(who(people, "ada"), "bob", "berlin", None)
    with refuses():
        people.set_password(oda, "bob", "a password of mine")


def test_the_last_admin_of_all_environments_stays(people: People) -> None:
    ada = who(people, "ada")
    for change in (
        lambda: people.remove(ada, "ada"),
        lambda: people.give_role(ada, "ada", "*", Role.ENGINEER),
        lambda: people.give_role(ada, "ada", "*", None),
    ):
        with pytest.raises(InputError, match="nobody would be admin of all environments"):
            change()
    assert who(people, "ada").may(Permission.MANAGE, "*")
    people.give_role(ada, "bob", "*", Role.ADMIN)
    people.remove(ada, "ada")
    assert [person.name for person in people.all()] == ["bob", "oda"]


def test_what_cannot_be_told_in_the_trail_is_not_done(
    people: People, database: Database, tmp_path: Path
) -> None:
    unwritable = AuditLog(Path("/dev/null/nowhere"))
    with pytest.raises(StorageError, match="nothing is done"):
        People(database, unwritable, QUICK).add(LOCAL, "eve", {"oslo": Role.VIEWER}, PASSWORD)
    assert people.find("eve") is None


def test_every_change_is_in_the_trail(people: People, trail: AuditLog) -> None:
    ada = who(people, "ada")
    people.give_role(ada, "bob", "oslo", Role.ENGINEER)
    people.set_password(ada, "bob", "another long password")
    people.remove(ada, "bob")
    told = [(e.who, e.what, e.details.get("person")) for e in trail.read().entries[3:]]
    assert told == [("ada", f"person.{what}", "bob") for what in ("role", "password", "remove")]
    assert trail.read().problems == []


@pytest.mark.parametrize("password", ["short", "x" * 1025])
def test_a_password_has_a_sensible_length(people: People, password: str) -> None:
    with pytest.raises(InputError, match="take 12 to 1024 characters"):
        people.add(LOCAL, "eve", {"*": Role.VIEWER}, password)


@pytest.mark.parametrize("name", ["", "token:siem", "a b", "<script>", "-x", "x" * 101, "ü"])
def test_a_name_can_be_taken_for_nothing_else(people: People, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        people.add(LOCAL, name, {"*": Role.VIEWER}, PASSWORD)


class Counting(PasswordHasher):
    """Counts how often it does its work."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.costs: list[tuple[int, int]] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        """As always."""
        text = hash if isinstance(hash, str) else hash.decode()
        self.costs.append((len(text), text.count("m=8,t=1,p=1")))
        return super().verify(hash, password)


def test_an_unknown_name_costs_the_same_work_as_a_wrong_password(
    people: People, database: Database, trail: AuditLog
) -> None:
    hasher = Counting()
    asked = People(database, trail, Passwords(hasher))
    people.of_provider("https://login.example", "1", "ivy", {"oslo": Role.VIEWER})
    for name, password in (
        ("ada", "wrong"),
        ("nobody", "wrong"),
        ("nobody", "nobody has this password"),
        # Who comes by the provider has no password, and none opens the door.
        ("ivy", "nobody has this password"),
        ("ivy", ""),
    ):
        assert asked.recognised(name, password) is None
    assert len(hasher.costs) == 5
    assert len(set(hasher.costs)) == 1


def test_a_new_password_is_asked_for_from_then_on(people: People, database: Database) -> None:
    session = Sessions(database).begin("bob")
    people.set_password(LOCAL, "bob", "another long password")
    assert people.recognised("bob", PASSWORD) is None
    assert people.recognised("bob", "another long password") is not None
    assert Sessions(database).name_of(session) is None


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(database: Database, people: People, trail: AuditLog, clock: Clock) -> ApiTokens:
    return ApiTokens(database, people, trail, clock)


def test_a_token_may_what_its_scopes_say_where_they_say_it(
    people: People, tokens: ApiTokens
) -> None:
    secret = tokens.add(who(people, "ada"), "siem", READ, frozenset({"berlin"}), 30)
    assert secret.startswith("wst_")
    principal = tokens.principal(secret)
    assert principal is not None
    assert principal.name == "token:siem"
    assert principal.grants == {"berlin": READ}
    assert tokens.principal(secret[:-1]) is None
    assert tokens.principal("") is None


def test_a_token_ends_by_itself_and_when_it_is_revoked(
    people: People, tokens: ApiTokens, clock: Clock
) -> None:
    ada = who(people, "ada")
    secret = tokens.add(ada, "siem", READ, frozenset({"*"}), 1)
    clock.time += timedelta(hours=23, minutes=59)
    assert tokens.principal(secret) is not None
    (told,) = tokens.all()
    assert told.used == clock.time
    clock.time += timedelta(minutes=1)
    assert tokens.principal(secret) is None
    other = tokens.add(ada, "case-tool", READ, frozenset({"*"}), 1)
    tokens.revoke(ada, tokens.all()[0].token_id)
    assert tokens.principal(other) is None


def test_a_token_may_never_more_than_its_owner_may_now(people: People, tokens: ApiTokens) -> None:
    ada = who(people, "ada")
    people.give_role(ada, "bob", "*", Role.ADMIN)
    judge = frozenset({Permission.JUDGE, Permission.MANAGE})
    secret = tokens.add(who(people, "bob"), "bobs", judge, frozenset({"*"}), 30)
    people.give_role(ada, "bob", "*", None)
    principal = tokens.principal(secret)
    assert principal is not None
    assert principal.may(Permission.JUDGE, "berlin")
    assert not principal.may(Permission.JUDGE, "oslo")
    assert not principal.may(Permission.MANAGE)
    people.remove(ada, "bob")
    assert tokens.principal(secret) is None


def test_nobody_makes_or_revokes_a_token_that_may_more(people: People, tokens: ApiTokens) -> None:
    oda = who(people, "oda")
    tokens.add(who(people, "ada"), "siem", READ, frozenset({"berlin"}), 30)
    with refuses():
        tokens.add(oda, "mine", READ, frozenset({"berlin"}), 30)
    with refuses():
        tokens.add(oda, "mine", READ, frozenset({"*"}), 30)
    with refuses():
        tokens.add(who(people, "bob"), "mine", READ, frozenset({"berlin"}), 30)
    with refuses():
        tokens.revoke(oda, tokens.all()[0].token_id)


def test_a_token_makes_neither_tokens_nor_people(people: People, tokens: ApiTokens) -> None:
    secret = tokens.add(LOCAL, "root", frozenset(Permission), frozenset({"*"}), 30)
    principal = tokens.principal(secret)
    assert principal is not None
    with refuses():
        tokens.add(principal, "child", READ, frozenset({"*"}), 30)
    with refuses():
        people.add(principal, "eve", {"*": Role.ADMIN}, PASSWORD)
    with refuses():
        people.set_password(principal, "ada", "a password of mine")


@pytest.mark.parametrize(
    ("label", "scopes", "days", "named"),
    [
        ("a b", READ, 30, "label"),
        ("siem", frozenset[Permission](), 30, "name at least one"),
        ("siem", READ, 0, "days 0"),
        ("siem", READ, 400, "days 400"),
        ("taken", READ, 30, "another token bears it"),
    ],
)
def test_a_wrong_token_is_named_by_its_field(
    tokens: ApiTokens, label: str, scopes: frozenset[Permission], days: int, named: str
) -> None:
    tokens.add(LOCAL, "taken", READ, frozenset({"*"}), 1)
    with pytest.raises(InputError, match=named):
        tokens.add(LOCAL, label, scopes, frozenset({"*"}), days)


def test_a_bucket_fills_again_with_time() -> None:
    time = 0.0
    rates = Rates(2, 60, clock=lambda: time)
    assert [rates.take("ada"), rates.take("ada")] == [0, 0]
    assert rates.take("ada") == 30
    assert rates.take("bob") == 0
    time += 29
    assert rates.take("ada") == pytest.approx(1)
    time += 1
    assert rates.take("ada") == 0
    rates.forget("ada")
    assert [rates.take("ada"), rates.take("ada"), rates.take("ada") > 0] == [0, 0, True]
