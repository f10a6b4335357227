"""The back office's forms for people and their API tokens."""

from functools import cache
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.forms import AdminPasswordChangeForm, AuthenticationForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from faultreporter.accounts.models import ApiToken, User
from faultreporter.accounts.validators import time_zones


class TimeZoneWidget(UnfoldAdminTextInputWidget):
    """A text field that proposes the names of the time zones; a select would render six hundred options."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        field = super().render(name, value, {**(attrs or {}), "list": "time-zones"}, renderer)
        return format_html("{}{}", field, time_zone_names())


@cache
def time_zone_names() -> SafeString:
    options = format_html_join("", '<option value="{}">', ((zone,) for zone in sorted(time_zones())))
    return format_html('<datalist id="time-zones">{}</datalist>', options)


class SignInForm(AuthenticationForm):
    """The back office's door. It says the same whether the password is wrong or the role too low."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": gettext_lazy(
            "This e-mail address and password don't open the back office, which is for managers and administrators."
        ),
    }


class OwnAddress(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers only
    """An address in lower case that no other living person has."""

    def clean_email(self) -> str:
        email = User.objects.normalize_email(self.cleaned_data["email"])
        if User.objects.living().filter(email=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Somebody else already has this e-mail address."), code="duplicate")
        return email


class NewPersonForm(OwnAddress, UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "display_name", "phone", "role", "language", "time_zone")
        widgets = {"time_zone": TimeZoneWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["usable_password"].label = _("Login form")
        self.fields["usable_password"].help_text = _("Only the back office asks for a password; phones use Firebase.")


class PersonForm(OwnAddress, UserChangeForm):
    class Meta:
        model = User
        fields = ("email", "display_name", "phone", "role", "language", "time_zone", "is_active", "password")
        widgets = {"time_zone": TimeZoneWidget}


class PasswordForm(AdminPasswordChangeForm):
    def set_password_and_save(self, user: User, *args: Any, **kwargs: Any) -> User:
        user.change_password(self.cleaned_data["password1"], by=None, at=timezone.now())
        return user


class ApiTokenForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers only
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=ApiToken.Scope.choices,
        initial=[ApiToken.Scope.READ],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("WRITE goes with READ."),
    )

    class Meta:
        model = ApiToken
        fields = ("user", "name", "scopes", "expires_at")

    def clean_scopes(self) -> list[str]:
        return sorted({ApiToken.Scope.READ, *self.cleaned_data["scopes"]})
