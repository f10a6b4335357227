"""Who works here."""

from dataclasses import dataclass, field
from datetime import datetime

from faultreporter.accounts.models import ApiToken, User
from faultreporter.roles import Role

PASSWORD = "fault-reporter-demo"  # noqa: S105 - printed at every start; the demo refuses to run in production

PEOPLE = (
    ("Ada Holm", "ada", Role.ADMIN),
    ("Mona Keller", "mona", Role.MANAGER),
    ("Viktor Lang", "viktor", Role.MANAGER),
    ("Tess Arnold", "tess", Role.TECHNICIAN),
    ("Jonas Weber", "jonas", Role.TECHNICIAN),
    ("Amira Haddad", "amira", Role.TECHNICIAN),
    ("Piotr Nowak", "piotr", Role.TECHNICIAN),
    ("Lena Fischer", "lena", Role.TECHNICIAN),
    ("Samuel Okoro", "samuel", Role.TECHNICIAN),
    ("Rita Brandt", "rita", Role.REPORTER),
    ("Tomas Silva", "tomas", Role.REPORTER),
    ("Hanna Berg", "hanna", Role.REPORTER),
)


@dataclass(frozen=True, slots=True)
class Team:
    """The people by what they do, and since when they have been doing it here."""

    admin: User
    since: datetime
    managers: list[User] = field(default_factory=list)
    technicians: list[User] = field(default_factory=list)
    reporters: list[User] = field(default_factory=list)

    def one_of_each(self) -> list[User]:
        return [self.admin, self.managers[0], self.technicians[0], self.reporters[0]]


def hire(since: datetime) -> Team:
    people = [
        User.objects.create_user(
            email=f"{login}@demo.example",
            password=PASSWORD,
            display_name=name,
            role=role,
            email_verified=True,
            time_zone="Europe/Berlin",
            created_at=since,
        )
        for name, login, role in PEOPLE
    ]
    return Team(
        admin=people[0],
        since=since,
        managers=[p for p in people if p.role == Role.MANAGER],
        technicians=[p for p in people if p.role == Role.TECHNICIAN],
        reporters=[p for p in people if p.role == Role.REPORTER],
    )


def existing_team() -> Team | None:
    """The team of an earlier run, None on an empty database."""
    found = {p.email: p for p in User.objects.living().filter(email__endswith="@demo.example")}
    people = [found.get(f"{login}@demo.example") for _, login, _ in PEOPLE]
    if any(person is None for person in people):
        return None
    staff = [person for person in people if person is not None]
    return Team(
        admin=staff[0],
        since=staff[0].created_at,
        managers=staff[1:3],
        technicians=staff[3:9],
        reporters=staff[9:],
    )


def logins(team: Team) -> list[dict[str, str]]:
    """One login of each role with a fresh API token."""
    return [
        {
            "role": person.role,
            "email": person.email,
            "password": PASSWORD,
            "token": ApiToken.issue(user=person, name="Demo")[1],
        }
        for person in team.one_of_each()
    ]


def tokens_work(entries: list[dict[str, str]]) -> bool:
    """Whether the tokens an earlier run wrote down belong to this database."""
    found = (ApiToken.objects.by_plain(entry["token"]) for entry in entries)
    return all(token is not None and token.revoked_at is None for token in found)
