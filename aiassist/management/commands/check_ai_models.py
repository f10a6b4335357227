from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from aiassist import model_checks
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog


class Command(BaseCommand):
    help = "Asks the configured AI providers whether they still offer the models we use; ends with 1 if one is gone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--timeout", type=float, default=10.0, help="seconds a provider may take (default: 10)")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in model_checks.unknown_names():
            self.stderr.write(_("AI_PROVIDER_ORDER names %(name)s, and no provider is called so.") % {"name": name})
        with acting(by=None, source=AuditLog.Source.COMMAND):
            findings = list(model_checks.check_models(at=timezone.now(), timeout_s=options["timeout"]))
        for finding in findings:
            self.stdout.write(
                f"{finding.provider} {finding.model_name}: {' '.join(finding.warnings) or _('all well.')}"
            )
        if not findings:
            self.stdout.write(_("No AI provider has a key here; the rule book needs no model."))
        if retired := [finding.model_name for finding in findings if finding.is_retired]:
            raise CommandError(_("No longer offered: %(models)s.") % {"models": ", ".join(retired)})
