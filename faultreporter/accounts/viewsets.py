from typing import Any

from django.contrib import auth
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import BearerAuthentication, caller
from faultreporter.accounts.errors import CredentialRefused
from faultreporter.accounts.filters import UserFilter
from faultreporter.accounts.models import ApiToken, User
from faultreporter.accounts.serializers import LogoutSerializer, ProfileSerializer, UserSerializer
from faultreporter.accounts.services import admit
from faultreporter.accounts.sign_ins import SignIn
from faultreporter.accounts.signals import signed_out
from faultreporter.api.permissions import ADMINS, EVERYONE, MANAGERS, PUBLIC
from faultreporter.api.schema import IF_MATCH
from faultreporter.api.viewsets import ApiView, DestroyMixin, ModelViewSet, RetrieveMixin, UpdateMixin


class VerifyView(ApiView):
    """The first call after signing in at Firebase."""

    permissions = {"post": PUBLIC}

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [BearerAuthentication(signs_in=True)]

    @staticmethod
    def principal(request: Request) -> str:
        """A stranger isn't known by an id yet, and people behind one address mustn't share idempotency keys."""
        return f"sign-in:{request.auth.uid}" if isinstance(request.auth, SignIn) else ApiView.principal(request)

    @extend_schema(operation_id="verifySignIn", request=None, responses=ProfileSerializer)
    def post(self, request: Request) -> Response:
        """Who you are here. Somebody new becomes a REPORTER; a person prepared with this address becomes you."""
        if isinstance(request.auth, SignIn):
            user = admit(request.auth, at=self.now())
        elif request.user.is_authenticated:
            user = caller(request)
        else:
            raise CredentialRefused(_("Send the Firebase ID token in the header: Authorization: Bearer …"))
        return Response(ProfileSerializer(user).data)


class LogoutView(ApiView):
    permissions = {"post": EVERYONE}

    @extend_schema(operation_id="logout", request=LogoutSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """End the credential this request was made with, or with `everywhere` all of the caller's."""
        body = LogoutSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        everywhere, device_id = body.validated_data["everywhere"], body.validated_data.get("device_id")
        end_credential(request, everywhere=everywhere, at=self.now())
        signed_out.send(sender=type(self), user=caller(request), device_id=device_id, everywhere=everywhere)
        return Response(status=status.HTTP_204_NO_CONTENT)


def end_credential(request: Request, *, everywhere: bool, at: Any) -> None:
    user = caller(request)
    if everywhere:
        user.revoke_sign_ins(by=user, at=at)
    elif isinstance(request.auth, SignIn):
        user.end_sign_in(auth_time=request.auth.auth_time, by=user, at=at)
    elif isinstance(request.auth, ApiToken):
        request.auth.revoke(by=user, at=at)
    else:
        auth.logout(request._request)


class MeViewSet(RetrieveMixin, UpdateMixin, DestroyMixin):
    """The caller's own profile."""

    model = User
    resource = "Me"
    serializer_class = ProfileSerializer
    permissions = {"retrieve": EVERYONE, "update": EVERYONE, "partial_update": EVERYONE, "destroy": EVERYONE}
    parameters = {"update": [IF_MATCH], "partial_update": [IF_MATCH], "destroy": [IF_MATCH]}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.kwargs[self.lookup_field] = request.user.pk

    def change_record(self, record: User, data: dict[str, Any]) -> None:
        record.amend(by=record, at=self.now(), **data)


class UserViewSet(ModelViewSet):
    """People: administrators write, managers read."""

    model = User
    resource = "User"
    serializer_class = UserSerializer
    filterset_class = UserFilter
    search_fields = ("display_name", "email", "phone")
    ordering_fields = ("display_name", "email", "role", "last_seen_at", "created_at", "updated_at")
    permissions = {
        "list": MANAGERS,
        "retrieve": MANAGERS,
        "create": ADMINS,
        "update": ADMINS,
        "partial_update": ADMINS,
        "destroy": ADMINS,
    }

    def create_record(self, data: dict[str, Any]) -> User:
        return User.objects.create_user(**data)

    def change_record(self, record: User, data: dict[str, Any]) -> None:
        record.amend(by=caller(self.request), at=self.now(), **data)
