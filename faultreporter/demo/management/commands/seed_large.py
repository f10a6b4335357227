from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from tqdm import tqdm

from equipment.models import Equipment
from faultreporter.demo import large


class Command(BaseCommand):
    help = (
        "Adds the benchmark fleet to the demo, all or nothing: 3,000 machines, 100 k alerts, 50 k orders, 5 M readings."
    )

    def handle(self, *_args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The benchmark fleet is not for production.")
        call_command("migrate", verbosity=0)
        call_command("seed_demo", verbosity=options["verbosity"])
        if Equipment.objects.filter(equipment_code="EQ-000001").exists():
            self.stdout.write("The benchmark fleet is there already.")
            return
        size = large.Size()
        work = list(large.steps(size))
        with transaction.atomic():
            with tqdm(total=sum(step.rows for step in work), desc="Fleet", unit=" rows", unit_scale=True) as bar:
                for step in work:
                    large.carry_out(step)
                    bar.update(step.rows)
            since, until = large.days_measured(size, until=timezone.now())
            call_command("rebuild_rollups", f"--from={since}", f"--to={until}", verbosity=options["verbosity"])
        large.analyze()
        self.stdout.write("The benchmark fleet is ready.")
