from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import ngettext

from equipment.services import load_catalogue
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog


class Command(BaseCommand):
    help = "Adds the kinds of machines and the failure modes of the catalogue; what is there stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(by=None, source=AuditLog.Source.COMMAND):
            added = load_catalogue()
        self.stdout.write(ngettext("Added %(count)d record.", "Added %(count)d records.", added) % {"count": added})
