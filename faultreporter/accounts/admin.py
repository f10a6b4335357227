from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as PasswordPages
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from faultreporter.accounts.authentication import caller
from faultreporter.accounts.forms import ApiTokenForm, NewPersonForm, PasswordForm, PersonForm
from faultreporter.accounts.models import ApiToken, User
from faultreporter.backoffice import ModelAdmin, PeriodFilter, ReadOnlyAdmin, badge

admin.site.unregister(Group)  # roles say who may do what, groups play no part


@admin.register(User)
class UserAdmin(ModelAdmin, PasswordPages):  # type: ignore[misc,type-arg]  # both are Django's ModelAdmin
    """People. Managers look, administrators write."""

    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    change_password_form = PasswordForm
    list_display = ("display_name", "email", "role", "is_active", "last_seen_at")
    list_display_links = ("display_name", "email")
    list_filter = ("role", "is_active")
    search_fields = ("display_name", "email", "phone")
    ordering = ("display_name", "email")
    filter_horizontal = ()
    readonly_fields = (
        "email_verified",
        "firebase_uid",
        "last_seen_at",
        "last_login",
        "tokens_valid_after",
        "created_at",
    )
    fieldsets = (
        (None, {"fields": ("display_name", "email", "phone", "role", "is_active", "password")}),
        (_("Preferences"), {"fields": ("language", "time_zone")}),
        (_("Signing in"), {"fields": readonly_fields}),
    )
    add_fieldsets = (
        (None, {"fields": ("display_name", "email", "phone", "role", "language", "time_zone")}),
        (_("Password"), {"fields": ("usable_password", "password1", "password2")}),
    )
    actions = ("deactivate", "activate", "revoke_sign_ins")

    def change_record(self, request: HttpRequest, record: User, changed: list[str]) -> None:
        changes = {name: getattr(record, name) for name in changed}
        record.amend(by=caller(request), at=timezone.now(), **changes)

    @admin.action(description=_("Deactivate"), permissions=["change"])
    def deactivate(self, request: HttpRequest, people: QuerySet[User]) -> None:
        self.set_active(request, people, is_active=False)

    @admin.action(description=_("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, people: QuerySet[User]) -> None:
        self.set_active(request, people, is_active=True)

    @admin.action(description=_("End all sign-ins and revoke all tokens"), permissions=["change"])
    def revoke_sign_ins(self, request: HttpRequest, people: QuerySet[User]) -> None:
        with transaction.atomic():
            for person in people:
                person.revoke_sign_ins(by=caller(request), at=timezone.now())
        self.tell_count(request, len(people))

    def set_active(self, request: HttpRequest, people: QuerySet[User], *, is_active: bool) -> None:
        with transaction.atomic():  # all or, after a refusal, none
            for person in people:
                person.amend(by=caller(request), at=timezone.now(), is_active=is_active)
        self.tell_count(request, len(people))

    def tell_count(self, request: HttpRequest, count: int) -> None:
        message = ngettext("%(count)d person was changed.", "%(count)d people were changed.", count)
        self.message_user(request, message % {"count": count})


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """API tokens: made and revoked, never changed or shown."""

    form = ApiTokenForm
    list_display = ("name", "prefix", "user", "scopes", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__email", "user__display_name")
    autocomplete_fields = ("user",)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_change_permission(request))

    def create_record(self, request: HttpRequest, record: ApiToken) -> None:
        record.draw_secret()
        record.save()

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """The page with the plain value. It is nowhere else, not even in a message waiting to be shown."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "token": obj,
            "plain": obj.plain,
            "title": _("Copy the new API token"),
        }
        response = TemplateResponse(request, "admin/accounts/apitoken/created.html", context)
        add_never_cache_headers(response)
        return response

    @admin.action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        with transaction.atomic():
            for token in tokens:
                token.revoke(by=caller(request), at=timezone.now())
        message = ngettext("%(count)d token was revoked.", "%(count)d tokens were revoked.", len(tokens))
        self.message_user(request, message % {"count": len(tokens)})


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """Wrong passwords, counted per person and address. Deleting an entry lets the person try again at once."""

    empty_note = _("Wrong passwords at the back office's sign-in are counted here until the next right one.")
    list_display = ("username", "ip_address", "failures_since_start", "locked", "attempt_time", "user_agent")
    list_filter = (("attempt_time", PeriodFilter),)
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time", "-id")
    fields = ("username", "ip_address", "failures_since_start", "locked", "attempt_time", "path_info", "user_agent")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("axes.delete_accessattempt"))

    @admin.display(description=_("state"))
    def locked(self, attempt: AccessAttempt) -> str:
        closed = attempt.failures_since_start >= settings.AXES_FAILURE_LIMIT
        return badge(_("Locked"), "danger") if closed else badge(_("May try again"), "")


@admin.register(AccessLog)
class AccessLogAdmin(ReadOnlyAdmin):
    """Who came into the back office, when and from where."""

    list_display = ("username", "ip_address", "attempt_time", "logout_time", "user_agent")
    list_filter = (("attempt_time", PeriodFilter),)
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time", "-id")
    fields = ("username", "ip_address", "attempt_time", "logout_time", "path_info", "user_agent")
