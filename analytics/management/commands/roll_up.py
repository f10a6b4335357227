import argparse
import re
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from analytics.rollup import RollUp, roll_up_recent, roll_up_since


def quarter(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{4})-?Q?([1-4])", text)
    if not found:
        raise argparse.ArgumentTypeError("write a quarter as 2026-Q1")
    return int(found[1]), int(found[2])


class Command(BaseCommand):
    help = "Brings asset_reliability up to date: the running quarter and the one before, or all since a quarter."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--since", type=quarter, metavar="2026-Q1", help="every quarter from this one on")

    def handle(self, *_args: Any, since: tuple[int, int] | None, **_options: Any) -> None:
        now = timezone.now()
        if since:
            for year, number, done in roll_up_since(*since, as_of=now):
                self.tell(year, number, done)
        else:
            for (year, number), done in roll_up_recent(as_of=now).items():
                self.tell(year, number, done)

    def tell(self, year: int, number: int, done: RollUp) -> None:
        counts = f"{done.created} new, {done.updated} updated, {done.revised} revised, {done.unchanged} unchanged"
        self.stdout.write(f"{year}-Q{number}: {counts}")
