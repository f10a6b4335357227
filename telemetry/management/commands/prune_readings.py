from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from telemetry.store.partitions import outdated_partitions, prune


class Command(BaseCommand):
    help = "Drop the months of readings and roll-ups that are older than what is kept. Beat does it every night."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say which.")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        outdated = [name for _, name in outdated_partitions(at=at)]
        names = outdated if options["dry_run"] else prune(at=at)
        what = "would be dropped" if options["dry_run"] else "dropped"
        self.stdout.write(f"{len(names)} partitions {what}{': ' if names else '.'}{', '.join(names)}")
