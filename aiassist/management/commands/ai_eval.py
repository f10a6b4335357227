import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from aiassist.evaluation import stub
from aiassist.evaluation.asking import Asking, Price
from aiassist.evaluation.picture_scores import PictureScores, abstained, named
from aiassist.evaluation.picture_set import picture_set
from aiassist.evaluation.scores import in_words
from aiassist.models import ModelPrice
from aiassist.prompts import ANALYZE_FAULT
from aiassist.providers import registry
from aiassist.providers.base import Provider


class Command(BaseCommand):
    help = (
        "Shows a provider the drawn picture set and says how well it reads it. Stores nothing; a provider with a key "
        "is paid for each picture, whatever the budget says. STUB is a fake provider with known errors."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        names = [*registry.declared(), registry.RULEBOOK, stub.NAME]
        parser.add_argument("--provider", choices=names, default=registry.RULEBOOK)
        parser.add_argument("--json", action="store_true", help="every figure and every case, for machines")
        parser.add_argument(
            "--pictures", type=Path, metavar="FOLDER", help="only writes the pictures there, to look at"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["pictures"]:
            self.write_pictures(options["pictures"])
            return
        with chosen(options["provider"]) as provider:
            report = evaluated(provider)
        self.stdout.write(json.dumps(report.as_json(), indent=2) if options["json"] else report.in_words())

    def write_pictures(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for case in picture_set().cases:
            (folder / f"{case.name}.jpg").write_bytes(case.photograph)
        self.stdout.write(f"{len(picture_set().cases)} pictures in {folder}")


@contextmanager
def chosen(name: str) -> Iterator[Provider]:
    if name == stub.NAME:
        with stub.stub_provider() as provider:
            yield provider
        return
    provider = registry.provider(name)
    if not provider.is_configured():
        raise CommandError(f"{name} has no key on this server: set {name}_API_KEY.")
    yield provider


def price_of(provider: Provider) -> Price:
    """Today's; the rule book is free."""
    if not provider.follows_prompts:
        return lambda _reply: 0
    price = ModelPrice.objects.at(provider.name, provider.model_name, timezone.now())
    return price.cost_of if price else lambda _reply: None


class Report:
    """Who was asked with which words, and how that went."""

    def __init__(self, provider: Provider, scores: PictureScores) -> None:
        self.scores = scores
        self.asked = {
            "provider": provider.name,
            "model": provider.model_name,
            "prompt_version": ANALYZE_FAULT if provider.follows_prompts else "",
            "picture_set": picture_set().version,
        }

    def as_json(self) -> dict[str, Any]:
        return {**self.asked, **self.scores.as_json()}

    def in_words(self) -> str:
        scores, times = self.scores, self.scores.seconds()
        cost = scores.cost_micro_usd
        lines = [
            ", ".join(f"{name.replace('_', ' ')} {value or 'none'}" for name, value in self.asked.items()),
            "Shares with Wilson's 95 % interval.",
            "",
            *(f"  {name:<30} {in_words(share)}" for name, share in scores.shares().items()),
            f"  {'severity, steps off':<30} {scores.severity_error}",
            f"  {'Brier score':<30} {scores.brier}",
            f"  {'seconds':<30} {', '.join(f'{name} {value:.2f}' for name, value in times.items())}",
            f"  {'cost':<30} {'not known' if cost is None else f'{cost / 1_000_000:.6f} USD'}",
            "",
        ]
        for outcome in scores.outcomes:
            said = outcome.failure or named(outcome) or ("abstains" if abstained(outcome) else "no mode")
            lines.append(f"  {outcome.case.name:<30} {said} (expected {' or '.join(outcome.case.modes) or 'none'})")
        return "\n".join(lines)


def evaluated(provider: Provider) -> Report:
    price = price_of(provider)
    outcomes = [
        Asking(provider, case, deadline_s=settings.AI_DEADLINE_SECONDS, price=price).outcome()
        for case in picture_set().cases
    ]
    return Report(provider, PictureScores(outcomes))
