from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext

from alerts import watchdog


class Command(BaseCommand):
    help = "Says whether every escalation that was due has moved; ends with 1 if one hasn't."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        found = watchdog.check(at=now)
        if found.count:
            raise CommandError(found.words(at=now))
        self.stdout.write(gettext("Every escalation that was due has moved."))
