from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import ngettext

from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from workorders.services import load_promises


class Command(BaseCommand):
    help = "Adds the response and restore targets and the hold reasons to begin with; what is there stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(by=None, source=AuditLog.Source.COMMAND):
            added = load_promises()
        self.stdout.write(ngettext("Added %(count)d record.", "Added %(count)d records.", added) % {"count": added})
