"""People of the web application, for tests that are not about passwords."""

from collections.abc import Mapping

from argon2 import PasswordHasher

from tests.triage.servers import Served
from triage.access import LOCAL, Entrance, Role
from triage.access.passwords import Passwords
from triage.access.people import People

PASSWORD = "correct horse battery"  # noqa: S105
# As little work as argon2 allows: what is kept says so itself, so that the server agrees.
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def entrance(served: Served) -> Entrance:
    """What the server knows of people."""
    found = served.app.state.entrance
    assert isinstance(found, Entrance)
    return found


def with_people(served: Served, roles: Mapping[str, Mapping[str, Role]]) -> None:
    """Add people, name -> environment -> role; the first one must be admin everywhere."""
    trail = served.app.state.desk.trail
    people = People(served.cases.database, trail, QUICK)
    for name, has in roles.items():
        people.add(LOCAL, name, has, PASSWORD)


def cookie_of(served: Served, name: str) -> dict[str, str]:
    """The header with which a browser that has just logged in as somebody sends requests."""
    known = entrance(served)
    return {"Cookie": f"{known.session_cookie}={known.sessions.begin(name)}"}
