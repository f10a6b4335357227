from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.authentication import caller
from faultreporter.accounts.forms import TimeZoneWidget
from faultreporter.backoffice import ReadOnlyInline, TabularInline, linked
from locations.backoffice import ActionForm, RecordAdmin, SiteFilter, button, confirmed
from locations.models import Location, SiteMembership

# The codes from the site down, so that the list reads as a tree.
PATH_SQL = """(
WITH RECURSIVE up(code, parent_id, height) AS (
    SELECT "locations".code, "locations".parent_id, 0
    UNION ALL
    SELECT above.code, above.parent_id, up.height + 1 FROM locations above JOIN up ON above.id = up.parent_id
) SELECT string_agg(code, ' / ' ORDER BY height DESC) FROM up)"""


class MoveForm(ActionForm):
    parent = forms.ModelChoiceField(
        label=_("Move into"),
        queryset=Location.objects.none(),
        widget=AutocompleteSelect(Location._meta.get_field("parent"), admin.site),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["parent"]
        field.queryset = Location.objects.for_user(self.user).living()


class MembershipInline(TabularInline):
    """Who works on a site."""

    model = SiteMembership
    extra = 0
    autocomplete_fields = ("user",)
    tab = True


class InsideInline(ReadOnlyInline):
    """What is directly inside."""

    model = Location
    fk_name = "parent"
    place = linked(_("place"))
    fields = readonly_fields = ("place", "kind", "floor_level")
    verbose_name_plural = _("inside")
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.living().order_by("floor_level", "code")


class OfSite(SiteFilter):
    path = ""


@admin.register(Location)
class LocationAdmin(RecordAdmin):
    """Places, as a tree."""

    list_display = ("tree_name", "kind", "path", "floor_level", "open_to_all")
    list_filter = ("kind", OfSite, "open_to_all")
    search_fields = ("code", "name")
    autocomplete_fields = ("parent", "floor_plan", "business_calendar")
    inlines = (MembershipInline, InsideInline)
    actions = ("move", "restore")
    actions_detail = ("move_button",)
    empty_note = _("Begin with a site; buildings, floors and rooms go inside.")
    fieldsets = (
        (None, {"fields": ("kind", "parent", "site", "code", "name", "description")}),
        (_("Where"), {"fields": ("floor_level", "address", "latitude", "longitude")}),
        (_("Floor plan"), {"fields": ("floor_plan", "plan_x", "plan_y")}),
        (_("Site"), {"fields": ("time_zone", "business_calendar", "open_to_all")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        path = RawSQL(PATH_SQL, [])  # noqa: S611 - a constant without parameters
        return super().get_queryset(request).annotate(path=path).order_by("path")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "time_zone":
            kwargs["widget"] = TimeZoneWidget()
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("kind", "site") if obj else ("site",)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        return [tab for tab in self.inlines if tab is not MembershipInline or obj.kind == Location.Kind.SITE]

    @admin.display(description=_("place"), ordering="path")
    def tree_name(self, place: Any) -> SafeString:
        return format_html('<span style="padding-left: {}rem">{}</span>', 1.5 * place.path.count(" / "), place.name)

    @admin.display(description=_("path"), ordering="path")
    def path(self, place: Any) -> str:
        return str(place.path)

    @confirmed(MoveForm, _("Move into another place"))
    def move(self, request: HttpRequest, place: Location, data: dict[str, Any]) -> None:
        place.move_to(data["parent"], by=caller(request))

    move_button = button(move)
