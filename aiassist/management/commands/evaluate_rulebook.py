import argparse
import json
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from aiassist.evaluation.rulebook import Evaluation, Record, evaluate
from aiassist.evaluation.scores import brier, calibration_error, in_words
from equipment.models import Category


def day(text: str) -> datetime:
    try:
        return timezone.make_aware(datetime.strptime(text, "%Y-%m-%d"))  # noqa: DTZ007 - made aware at once
    except ValueError as error:
        raise argparse.ArgumentTypeError("write a day as 2026-01-31") from error


class Command(BaseCommand):
    help = (
        "Asks the rule book about faults that were closed since a day, with only what was known when they were "
        "reported and what it had learned by that day. Changes nothing."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--since", type=day, help="learns from before this day, is asked after it (90 days ago)")
        parser.add_argument("--category", help="only this kind of machine, by its code")
        parser.add_argument("--most", type=int, default=200, help="faults of each kind to ask about (200)")
        parser.add_argument("--json", action="store_true", help="every figure, for machines")

    def handle(self, *_args: Any, **options: Any) -> None:
        categories = Category.objects.living().order_by("code")
        if options["category"]:
            categories = categories.filter(code=options["category"])
        since = options["since"] or timezone.now() - timedelta(days=90)
        evaluation = evaluate(list(categories), since=since, most=max(1, options["most"]))
        self.stdout.write(json.dumps(evaluation.as_json(), indent=2) if options["json"] else table(evaluation))


def table(evaluation: Evaluation) -> str:
    asked = len(evaluation.records["rule book"].places)
    learned = f"{evaluation.learned_from} closed faults before {evaluation.since:%Y-%m-%d} to learn from"
    lines = [f"{learned}, {asked} after it to answer. 95 % intervals in brackets."]
    for name, record in evaluation.records.items():
        lines += ["", name, *figures(record)]
    lines += ["", "how sure the rule book was, and how often it was right"]
    for step in evaluation.records["rule book"].steps:
        lines.append(f"  {step.low:.1f}-{step.high:.1f}  said {step.confidence:.3f}  right {in_words(step.right)}")
    error = calibration_error(evaluation.records["rule book"].steps)
    lines.append(f"  apart on average by {error:.3f}" if error is not None else "  it answered nothing")
    return "\n".join(lines)


def figures(record: Record) -> list[str]:
    return [
        f"  first named is right      {in_words(record.top(1))}",
        f"  among the three named     {in_words(record.top(3))}",
        f"  right when it answers     {in_words(record.right_when_answered)}",
        f"  abstains                  {in_words(record.abstentions)}",
        f"  mean reciprocal rank      {record.reciprocal_rank}",
        f"  Brier score               {brier(record.judged)}",
    ]
