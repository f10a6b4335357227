import json
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.demo import people, story


class Command(BaseCommand):
    help = "Fills an empty database with the demo building, and writes logins and keys to demo.json. Runs once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--base-url", default=settings.PUBLIC_URL)

    def handle(self, *_args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo has well-known passwords; it is not for production.")
        team = people.existing_team()
        if team is None:
            if User.objects.exists():
                raise CommandError("There are people in this database already; the demo needs an empty one.")
            team = story.tell(now=timezone.now(), quiet=options["verbosity"] == 0)
            self.stdout.write("The demo building is ready.")
        self.write_credentials(team, options["base_url"])

    def write_credentials(self, team: people.Team, base_url: str) -> None:
        """Keys are stored as digests only, so a lost or outdated file means new ones."""
        path = settings.STATE_DIR / "demo.json"
        if path.exists():
            kept = json.loads(path.read_text())
            if kept.get("base_url") == base_url and people.tokens_work(kept["users"]):
                return
        with acting(by=None, source=AuditLog.Source.COMMAND):
            content = story.credentials(team, base_url=base_url)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=2)
