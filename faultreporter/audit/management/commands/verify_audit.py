from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from faultreporter.audit import seals
from faultreporter.audit.models import AuditSeal


class Command(BaseCommand):
    help = "Check every seal of the audit log. Ends with 1 and names the first broken seal if anything was changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anchor",
            metavar="ID:DIGEST",
            help="a seal this command printed earlier and that was kept elsewhere; the chain must still contain it",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        found = seals.verify()
        if not found.intact:
            raise CommandError(f"Seal {found.broken_seal} is broken: {found.finding}")
        if options["anchor"]:
            self._check_anchor(options["anchor"])
        self.stdout.write(
            f"All {found.seals} seals over {found.rows} entries hold; {found.unsealed} entries are not sealed yet."
        )
        if found.last_seal:
            self.stdout.write(f"Last seal, to be kept elsewhere: {found.last_seal}")

    def _check_anchor(self, anchor: str) -> None:
        number = anchor.partition(":")[0]
        seal = AuditSeal.objects.filter(pk=int(number)).first() if number.isdecimal() else None
        if str(seal) != anchor.strip().lower():
            raise CommandError(f"Seal {number} is not the one that was kept: the chain was written anew.")
