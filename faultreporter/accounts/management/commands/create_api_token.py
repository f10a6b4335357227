import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from faultreporter.accounts.models import ApiToken, User
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog


def days(text: str) -> timedelta:
    """An argument: a whole number of days, at least one."""
    if not (text.isdecimal() and 1 <= int(text[:6]) <= 36_500):
        raise argparse.ArgumentTypeError("give a whole number of days from 1 to 36500")
    return timedelta(days=int(text))


class Command(BaseCommand):
    help = "Create an API token for a person and print it: the only time it can be seen."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the person the token acts as")
        parser.add_argument("--name", default="command line", help="what will use it")
        parser.add_argument("--read-only", action="store_true", help="leave out the WRITE scope")
        parser.add_argument("--expires-in-days", type=days, metavar="DAYS", help="default: it doesn't expire")

    def handle(self, *args: Any, **options: Any) -> str:
        user = User.objects.active().filter(email=User.objects.normalize_email(options["email"])).first()
        if user is None:
            raise CommandError(_("There is no active person with the address %(email)s.") % options)
        lasts: timedelta | None = options["expires_in_days"]
        with acting(by=None, source=AuditLog.Source.COMMAND):
            _token, plain = ApiToken.issue(
                user=user,
                name=options["name"],
                scopes=[ApiToken.Scope.READ] if options["read_only"] else ApiToken.Scope.values,
                expires_at=timezone.now() + lasts if lasts else None,
            )
        return plain
