"""The base of every back-office page: audited, aware of soft deletion, and able to say why something was refused."""

from collections import defaultdict
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import label_for_field, lookup_field, unquote
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import BaseConstraint, Model, QuerySet, UniqueConstraint
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.admin import StackedInline, TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.forms import PaginationInlineFormSet
from unfold.utils import display_for_field, display_for_value, parse_datetime_str
from unfold.views import ChangeList as UnfoldChangeList

from faultreporter.api.exceptions import translate
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.db import SoftDeleteModel, is_on_calendar
from faultreporter.errors import DomainError

__all__ = [
    "AuditedBackOfficeMiddleware",
    "ModelAdmin",
    "PeriodFilter",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "StackedInline",
    "TabularInline",
    "add_button",
    "add_tabs",
    "badge",
    "fillable",
    "link_to",
    "linked",
    "page_of",
    "plain_number",
    "say_zone",
    "severity_badge",
]


class AuditedBackOfficeMiddleware:
    """Every change made under /admin/ is one transaction, and the audit trigger knows who is making it.

    Times are shown and typed in the person's own time zone.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(getattr(request.user, "time_zone", None)):
            response = self.answer(request)
        response._csp_update = settings.BACK_OFFICE_CSP  # type: ignore[attr-defined]
        return response

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in {"GET", "HEAD", "OPTIONS"} or not request.user.is_authenticated:
            return self.get_response(request)
        with acting(by=request.user, source=AuditLog.Source.ADMIN, ip=request.META.get("REMOTE_ADDR")):
            response = self.get_response(request)
            if response.status_code >= 500:  # Django has made an answer of the crash; half a change must not stay
                transaction.set_rollback(True)
        return response


class RecordForm(forms.ModelForm[Any]):
    """Says in words, at the field, what a constraint of the table or the record itself would refuse."""

    blamed: ClassVar[dict[str, str]] = {}
    """Where what a constraint says belongs: the field, by the constraint's name."""

    def _post_clean(self) -> None:
        # Where a constraint has no words of its own, the record would only tell its name.
        for name, value in list(self.cleaned_data.items()):
            if not is_on_calendar(value):
                self.add_error(name, _("Write a time of the years 100 to 2199."))
        self.instance.validate_constraints = self.check_constraints
        super()._post_clean()  # type: ignore[misc]  # the stubs don't know it
        del self.instance.validate_constraints
        if not self.errors:
            try:
                self.check_record()
            except DomainError as refused:
                self.blame(refused)

    def _get_validation_exclusions(self) -> set[str]:
        # Django leaves a constraint out whose condition isn't in the form, such as being among the living.
        return super()._get_validation_exclusions() - {"deleted_at"}  # type: ignore[misc,no-any-return]

    def check_record(self) -> None:
        """Raises what the record would when it is stored: what ties several fields together."""

    def blame(self, refused: DomainError) -> None:
        """Its message, at the field that it names."""
        named = refused.details[0].field.removesuffix("_ids").removesuffix("_id") if refused.details else ""
        self.add_error(named if named in self.fields else None, refused.message)

    def check_constraints(self, exclude: Collection[str] | None = None) -> None:
        model, errors = type(self.instance), defaultdict[str, list[Any]](list)
        for constraint in model._meta.constraints:
            try:
                constraint.validate(model, self.instance, exclude=exclude)
            except ValidationError:
                field, message = self.finding(constraint)
                errors[field or NON_FIELD_ERRORS].append(message)
        if errors:
            raise ValidationError(dict(errors))

    def finding(self, constraint: BaseConstraint) -> tuple[str | None, Any]:
        """The field to blame, if one, and the constraint's own words or ours."""
        said = constraint.violation_error_message
        own_words = said if said != constraint.default_violation_error_message else None
        if isinstance(constraint, UniqueConstraint) and constraint.fields:
            field = constraint.fields[-1]
            label = self.instance._meta.get_field(field).verbose_name
            message = own_words or _("Another record already has this %(field)s.") % {"field": label}
            return (field if field in self.fields else None), message
        return self.blamed.get(constraint.name), own_words or _("These values contradict each other.")


class DeletedFilter(SimpleListFilter):
    """Lists show the living; deleted records are there for whoever asks."""

    title = _("Deleted")
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("only", _("Deleted only")), ("too", _("Deleted too"))]

    def choices(self, changelist: Any) -> Any:
        everything, *others = super().choices(changelist)
        yield {**everything, "display": _("Not deleted")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        shown = {"only": queryset.exclude(deleted_at=None), "too": queryset}
        return shown.get(self.value() or "", queryset.filter(deleted_at=None))


class PeriodFilter(RangeDateTimeFilter):
    """From and to, in the person's time zone; a day without a time is the whole day.

    The package's own filter ignores such a day and hands on times without a zone.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for end, lookup, edge in (("from", "gte", "00:00:00"), ("to", "lte", "23:59:59")):
            day, time = (self.used_parameters.get(f"{self.parameter_name}_{end}_{part}") for part in (0, 1))
            moment = parse_datetime_str(f"{day} {time or edge}") if day else None
            if moment is not None:
                queryset = queryset.filter(**{f"{self.field_path}__{lookup}": timezone.make_aware(moment)})
        return queryset


class ChangeList(UnfoldChangeList):  # the package has no types
    """A list that nobody has narrowed down has no "Show all"."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


# The four steps of an alert's severity and an order's priority, everywhere.
SEVERITY_COLOURS = {"LOW": "info", "MEDIUM": "primary", "HIGH": "warning", "CRITICAL": "danger"}


def badge(text: Any, colour: str) -> SafeString:
    """A word in a coloured field: danger, warning, success, info, primary, or grey for any other name."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def severity_badge(record: Any, field: str = "severity") -> SafeString:
    return badge(getattr(record, f"get_{field}_display")(), SEVERITY_COLOURS.get(getattr(record, field), ""))


def page_of(record: Model) -> str:
    """The address of the record's page."""
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[record.pk])


def link_to(record: Model | None, text: Any = None) -> SafeString | str:
    """The record's name, or other words, as a link to its page."""
    if record is None:
        return "–"
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', page_of(record), text or record
    )


def linked(label: Any) -> Any:
    """A tab's column with each record's name as the link to its page."""

    @admin.display(description=label)
    def itself(_tab: Any, record: Model) -> SafeString | str:
        return link_to(record)

    return itself


def add_tabs(model: type[Model], *inlines: type[TabularInline]) -> None:
    """Further tabs on the page of a lower app, which knows nothing of what they show: a machine's alerts."""
    page: Any = admin.site.get_model_admin(model)
    page.inlines = [*page.inlines, *inlines]


def add_button(model: type[Model], open_page: Any) -> None:
    """A further button, and the page it opens, on a record of a lower app: a machine's live readings."""
    page: Any = admin.site.get_model_admin(model)
    setattr(type(page), open_page.__name__, open_page)
    page.actions_detail = [open_page.__name__, *page.actions_detail]


def say_zone(field: forms.Field) -> None:
    """Where a moment is typed, its help says on whose clock."""
    if isinstance(field, forms.DateTimeField | forms.SplitDateTimeField):
        zone = gettext("In the time of %(zone)s.") % {"zone": timezone.get_current_timezone_name()}
        field.help_text = f"{field.help_text} {zone}".lstrip()


def plain_number(value: Any) -> Any:
    """As a person would type it: 6 for 6.0, 0.24 for 0.240000."""
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return f"{value.normalize():f}" if isinstance(value, Decimal) and value.is_finite() else value


class ModelAdmin(UnfoldModelAdmin):
    """Changes go through `create_record`, `change_record`, `delete_record`: the calls the API makes too."""

    empty_note: Any = ""  # what a person can do about an empty list
    form: type[forms.ModelForm[Any]] = RecordForm
    empty_value_display = "–"
    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    compressed_fields = True
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows this person may see, as in the API: a restricted site stays hidden here too."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.for_user(request.user) if hasattr(rows, "for_user") else rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        response: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return response

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters = list(super().get_list_filter(request))
        return [*filters, DeletedFilter] if issubclass(self.model, SoftDeleteModel) else filters

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Templates take a help text for HTML; ours are words, and may speak of a <device id>."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            say_zone(field)
            if isinstance(field, forms.FloatField | forms.DecimalField):
                field.prepare_value = plain_number  # type: ignore[method-assign]  # what a form shows is asked there
            field.help_text = conditional_escape(field.help_text)
        return field

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """A record that doesn't exist yet has no history."""
        return [one for one in super().get_inlines(request, obj) if obj or not issubclass(one, ReadOnlyInline)]

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        if change:
            self.change_record(request, obj, list(form.changed_data))
        else:
            self.create_record(request, obj)

    def create_record(self, request: HttpRequest, record: Any) -> None:
        if hasattr(record, "created_by_id"):
            record.created_by = request.user
        record.save()

    def change_record(self, request: HttpRequest, record: Any, changed: list[str]) -> None:
        record.save()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_record(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for record in queryset:
            self.delete_record(request, record)

    def delete_record(self, request: HttpRequest, record: Any) -> None:
        if isinstance(record, SoftDeleteModel):
            record.soft_delete(by=request.user, at=timezone.now())  # type: ignore[arg-type]
        else:
            record.delete()

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except (DomainError, IntegrityError) as error:
            return self.refused(request, error)
        return response

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        context = {"is_soft": issubclass(self.model, SoftDeleteModel), **(extra_context or {})}
        try:
            response: HttpResponse = super().delete_view(request, object_id, context)
        except (DomainError, IntegrityError) as error:
            return self.refused(request, error)
        return response

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        try:
            with transaction.atomic():
                response: HttpResponse | None = super().response_action(request, queryset)
        except (DomainError, IntegrityError) as error:
            return self.refused(request, error)
        return response

    def refused(self, request: HttpRequest, error: Exception) -> HttpResponse:
        """Say why, on the page the person came from; nothing has been changed."""
        known = translate(error)
        if not isinstance(known, DomainError):
            raise error
        self.message_user(request, known.message, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def record(self, request: HttpRequest, object_id: str) -> Any:
        return self.get_object(request, unquote(object_id))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Soft deletion takes nothing else along, so there is nothing to list and nothing that protects."""
        if issubclass(self.model, SoftDeleteModel):
            return [str(obj) for obj in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []
        return super().get_deleted_objects(objs, request)


def fillable(page: Any, record: Model | None) -> Any:
    """The page's `fields`; of a record that doesn't exist yet, without what will only be known later."""
    return page.fields if record else [name for name in page.fields if name not in page.readonly_fields]


class ReadOnlyAdmin(ModelAdmin):
    """For what people look at and only the system writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyFormSet(PaginationInlineFormSet):
    """Rows without forms. What a browser sends about them isn't looked at, so a form may leave them out."""

    inline: "ReadOnlyInline"
    forms = new_objects = changed_objects = deleted_objects = ()

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def is_valid(self) -> bool:
        return True

    def save(self, commit: bool = True) -> list[Model]:
        return []

    def table(self) -> dict[str, Any]:
        """What unfold's table shows."""
        names, page = self.inline.fields, self.inline
        return {
            "headers": [label_for_field(name, self.model, page) for name in names],
            "rows": [[cell(page, record, name) for name in names] for record in self.get_queryset()],
        }


def cell(page: Any, record: Model, name: str) -> Any:
    """A field's value in words, or the answer of the page's method of that name."""
    field, attribute, value = lookup_field(name, record, page)
    if field is None:
        return display_for_value(value, "–", getattr(attribute, "boolean", False))
    if field.is_relation:
        return link_to(getattr(record, name))
    return display_for_field(value, field, "–")


class ReadOnlyInline(TabularInline):
    """Rows of history below a record."""

    formset = ReadOnlyFormSet
    template = "admin/edit_inline/rows.html"
    extra = 0
    max_num = 0
    can_delete = False
    tab = True
    empty_note: Any = _("Nothing here yet.")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        made = super().get_formset(request, obj, **kwargs)
        made.inline = self
        return made

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
