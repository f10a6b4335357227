"""Teams, skills, and who has which."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from equipment.admin.catalogue import CatalogueAdmin
from equipment.models import PersonSkill, Skill, Team, TeamMembership
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.backoffice import ReadOnlyInline, RecordForm, badge
from locations.backoffice import RecordAdmin, SiteFilter


class TeamForm(RecordForm):
    members = forms.ModelMultipleChoiceField(
        label=_("Members"), required=False, queryset=User.objects.none(), widget=UnfoldAdminSelect2MultipleWidget,
        help_text=_("Everybody in the team from now on; whoever is taken out has left."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["members"]
        field.queryset = User.objects.active().filter(role__in=Team.MEMBER_ROLES).order_by("display_name")
        if not self.instance._state.adding:
            field.initial = [person.pk for person in self.instance.people(timezone.now())]


class MembershipInline(ReadOnlyInline):
    """Who is and was in the team."""

    model = TeamMembership
    fields = readonly_fields = ("user", "starts_at", "ends_at")
    ordering = ("-starts_at", "-id")
    verbose_name_plural = _("who was in it when")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")


class OnSite(SiteFilter):
    path = "site"


@admin.register(Team)
class TeamAdmin(RecordAdmin):
    """Crews that share work."""

    form = TeamForm
    list_display = ("name", "site", "lead", "size")
    list_filter = (OnSite,)
    list_select_related = ("site", "lead")
    search_fields = ("name",)
    autocomplete_fields = ("lead",)
    ordering = ("name",)
    fields = ("name", "site", "lead", "members")
    inlines = (MembershipInline,)
    empty_note = _("Form a team of people who share work; then an order can be given to all of them at once.")

    def get_queryset(self, request: HttpRequest) -> Any:
        now = timezone.now()
        active = Q(memberships__ends_at=None) | Q(memberships__ends_at__gt=now)
        return super().get_queryset(request).annotate(headcount=Count("memberships", filter=active, distinct=True))

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "site" and field is not None:
            field.queryset = field.queryset.for_user(caller(request)).living().filter(kind="SITE").order_by("name")
        return field

    @admin.display(description=_("members"), ordering="headcount")
    def size(self, team: Any) -> int:
        return int(team.headcount)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        said = {"by": caller(request), "at": timezone.now(), "members": form.cleaned_data["members"]}
        if change:
            fields = self.changes(obj, [name for name in form.changed_data if name != "members"])
            Team.objects.get(pk=obj.pk).change(**said, **fields)
        else:
            obj.register(**said)


class HolderInline(ReadOnlyInline):
    """Who has the skill."""

    model = PersonSkill
    fields = readonly_fields = ("user", "valid_until")
    ordering = ("user__display_name",)
    verbose_name_plural = _("people who have it")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.living().select_related("user")


@admin.register(Skill)
class SkillAdmin(CatalogueAdmin):
    """What people can be qualified for."""

    list_display = ("code", "name", "people")
    list_display_links = ("code", "name")
    search_fields = ("code", "name")
    autocomplete_fields = ("categories",)
    ordering = ("code",)
    inlines = (HolderInline,)
    empty_note = _("Name a skill and the kinds of machines that ask for it; suggestions look at who has it.")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(
            holder_count=Count("holders", filter=Q(holders__deleted_at=None), distinct=True)
        )  # fmt: skip

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def change_record(self, request: HttpRequest, record: Any, changed: list[str]) -> None:
        record.save(update_fields=[name for name in changed if name != "categories"])

    @admin.display(description=_("people"), ordering="holder_count")
    def people(self, skill: Any) -> int:
        return int(skill.holder_count)


@admin.register(PersonSkill)
class PersonSkillAdmin(CatalogueAdmin):
    """Who has which skill, and until when."""

    list_display = ("user", "skill", "validity")
    list_filter = ("skill",)
    list_select_related = ("user", "skill")
    search_fields = ("user__display_name", "user__email", "skill__code", "skill__name")
    autocomplete_fields = ("user", "skill")
    ordering = ("user__display_name", "skill__code")
    empty_note = _("Say who has which skill, and until when a certificate is valid.")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user", "skill") if obj else ()

    @admin.display(description=_("valid until"), ordering="valid_until")
    def validity(self, record: PersonSkill) -> SafeString | str:
        if record.valid_until is None:
            return str(_("for good"))
        if record.is_valid(timezone.localdate()):
            return f"{record.valid_until:%Y-%m-%d}"
        return badge(_("expired %(day)s") % {"day": f"{record.valid_until:%Y-%m-%d}"}, "danger")
