"""Who may do what: rules made of roles. Every viewset maps each of its actions to one rule.

Which *rows* a person sees is another question; querysets answer it (`for_user`), and what is out of sight is 404.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from faultreporter.roles import Role

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it imports this module, through the settings

DEVICE = "DEVICE"
"""The role of a gateway that signs its requests with a device key; never a person's."""


class Concerning(Protocol):
    """A record that may be some person's business: assigned to them, theirs, or reported by them."""

    def concerns(self, user: Any) -> bool: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """`roles` may act on everything they see, `concerned` only on records that concern them."""

    roles: frozenset[str] = frozenset()
    concerned: frozenset[str] = frozenset()
    public: bool = False

    def admits(self, role: str) -> bool:
        return role in self.roles or role in self.concerned

    def admits_to(self, user: Any, record: Concerning) -> bool:
        return user.role in self.roles or (user.role in self.concerned and record.concerns(user))

    def also(self, *, concerned: Iterable[str]) -> "Rule":
        return Rule(roles=self.roles, concerned=frozenset(concerned) - self.roles)


PUBLIC = Rule(public=True)
ADMINS = Rule(frozenset({Role.ADMIN}))
MANAGERS = Rule(frozenset({Role.ADMIN, Role.MANAGER}))
HANDLERS = Rule(frozenset({Role.ADMIN, Role.MANAGER, Role.TECHNICIAN}))
EVERYONE = Rule(frozenset(Role.values))
MANAGERS_AND_CONCERNED_TECHNICIANS = MANAGERS.also(concerned={Role.TECHNICIAN})
MANAGERS_AND_CONCERNED = MANAGERS.also(concerned={Role.TECHNICIAN, Role.REPORTER})
DEVICES_AND_ADMINS = Rule(frozenset({DEVICE, Role.ADMIN}))


def action_of(view: "APIView") -> str:
    """What is done here, as `permissions` and `parameters` name it; HEAD asks for what GET does."""
    method = (view.request.method or "").lower()
    return getattr(view, "action", None) or {"head": "get"}.get(method, method)


def rule_for(view: "APIView") -> Rule:
    action = action_of(view)
    try:
        return view.permissions[action]  # type: ignore[attr-defined,no-any-return]
    except (AttributeError, KeyError):
        raise ImproperlyConfigured(f"{type(view).__name__} has no permission rule for {action!r}") from None


class RulePermission(BasePermission):
    """Asks the view's rule. A READ-only API token passes no unsafe method, whatever the role."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        rule = rule_for(view)
        if rule.public:
            return True
        if not request.user or not request.user.is_authenticated:
            return False
        read_only = getattr(request.auth, "is_read_only", False)
        if read_only and request.method not in SAFE_METHODS:
            return False
        return rule.admits(request.user.role)

    def has_object_permission(self, request: Request, view: "APIView", obj: Any) -> bool:
        rule = rule_for(view)
        return rule.public or rule.admits_to(request.user, obj)
