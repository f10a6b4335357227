from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from faultreporter.audit import triggers
from faultreporter.audit.models import AuditLog, AuditSeal
from faultreporter.auditlog.entries import changes_in_words, models_by_table, table_name, with_actor_names
from faultreporter.backoffice import PeriodFilter, ReadOnlyAdmin


class ShortPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts no further than anybody would turn pages: the log has millions of entries."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: self.MOST].count()
        return counted


class TableFilter(admin.SimpleListFilter):
    title = _("record")
    parameter_name = "entity_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((table, table_name(table)) for table in triggers.declared()), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(entity_type=self.value()) if self.value() else queryset


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    """What happened, newest first; search by a record's or a request's id."""

    list_display = ("occurred_at", "action", "what", "record_page", "who", "source")
    list_filter = (TableFilter, "action", "source", ("occurred_at", PeriodFilter))
    search_fields = ("entity_id__exact", "request_id__exact")
    search_help_text = _("The id of a record or of a request")
    ordering = ("-id",)
    paginator = ShortPaginator
    fields = (
        ("occurred_at", "action"),
        ("what", "record_page"),
        ("who", "source"),
        ("request_id", "ip"),
        "differences",
        "seal",
    )
    readonly_fields = tuple(flatten(fields))

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditLog]:
        return with_actor_names(super().get_queryset(request))

    @admin.display(description=_("record"))
    def what(self, entry: AuditLog) -> str:
        return table_name(entry.entity_type)

    @admin.display(description=_("who"))
    def who(self, entry: Any) -> str:
        return entry.actor_name or str(entry.actor_id or "–")

    @admin.display(description=_("which"))
    def record_page(self, entry: AuditLog) -> SafeString | str:
        """The way to the record's own page, where it has one."""
        model = models_by_table().get(entry.entity_type)
        try:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change" if model else ""
            address = reverse(name, args=[entry.entity_id])
        except NoReverseMatch:
            return entry.entity_id
        return format_html('<a class="underline" href="{}">{}</a>', address, entry.entity_id)

    @admin.display(description=_("changes"))
    def differences(self, entry: AuditLog) -> str:
        return render_to_string("auditlog/changes.html", {"changes": list(changes_in_words(entry))})


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    empty_note = _("Every few minutes a periodic task seals what is older than the oldest running transaction.")
    list_display = ("id", "sealed_at", "row_count", "fingerprint")
    ordering = ("-id",)
    fields = ("id", "sealed_at", "row_count", "fingerprint", "previous", "entries")
    readonly_fields = fields

    @admin.display(description=_("digest"))
    def fingerprint(self, seal: AuditSeal) -> str:
        return bytes(seal.digest).hex()

    @admin.display(description=_("previous digest"))
    def previous(self, seal: AuditSeal) -> str:
        return bytes(seal.previous_digest).hex()

    @admin.display(description=_("entries"))
    def entries(self, seal: AuditSeal) -> SafeString:
        address = reverse("admin:audit_auditlog_changelist") + f"?seal__id__exact={seal.pk}"
        return format_html('<a class="underline" href="{}">{}</a>', address, seal.row_count)
