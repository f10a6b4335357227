"""Whom the lockout at the back office's login counts wrong passwords against."""

from typing import Any

from django.http import HttpRequest

from faultreporter.accounts.models import User


def attempted_username(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The address as signing in compares it, so that `Adam@…` and `adam@…` share one count of wrong passwords."""
    typed = (credentials or {}).get("username") or request.POST.get("username", "")
    return User.objects.normalize_email(User.normalize_username(str(typed)))[:255]
