from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aiassist.price_list import load_prices
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog


class Command(BaseCommand):
    help = "Adds the prices of AI models the product comes with; what is there stays as it is. Check them: see source."

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(by=None, source=AuditLog.Source.COMMAND):
            added = load_prices()
        if options["verbosity"] == 0:
            return
        count = {"count": len(added)}
        self.stdout.write(ngettext("Added %(count)d price.", "Added %(count)d prices.", len(added)) % count)
        for price in added:
            self.stdout.write(f"  {price}: {price.source}")
        if added:
            self.stdout.write(_("Nobody read them at the provider. Compare them before you rely on a cost."))
