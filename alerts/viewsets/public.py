from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import public
from alerts.serializers.public import PublicReceiptSerializer, PublicReportFormSerializer, PublicReportSerializer
from faultreporter.api.parsers import StrictJSONParser
from faultreporter.api.permissions import PUBLIC
from faultreporter.api.viewsets import ApiView
from faultreporter.attachments.files import LimitedMultiPartParser


class PublicReportView(ApiView):
    """Reports without signing in. Off unless PUBLIC_REPORTS_ENABLED says otherwise: then this is 404."""

    permissions = {"post": PUBLIC}
    parser_classes = (StrictJSONParser, LimitedMultiPartParser)

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Nobody signs in here, and a credential that is sent all the same plays no part."""
        return []

    @extend_schema(
        operation_id="reportFaultPublicly",
        summary="Report a fault by the code on the machine, without signing in",
        request={"application/json": PublicReportSerializer, "multipart/form-data": PublicReportFormSerializer},
        responses={201: PublicReceiptSerializer},
    )
    def post(self, request: Request) -> Response:
        public.demand_enabled()
        at = self.now()
        machine = public.report_publicly(address=request.META.get("REMOTE_ADDR", ""), at=at, **self.said(request))
        receipt = {
            "equipment_name": machine.equipment_name,
            "place": public.place_in_words(machine),
            "received_at": at,
        }
        response = Response(PublicReceiptSerializer(receipt).data, status=201)
        response.message = _("Thank you. Your report is on its way to the people in charge.")  # type: ignore[attr-defined]
        return response

    @staticmethod
    def said(request: Request) -> dict[str, Any]:
        is_form = (request.content_type or "").startswith("multipart/")
        # A plain dictionary: the form's own type would let unknown fields through.
        body: Any = request.data
        data = dict(body.items()) if is_form else body
        serializer = (PublicReportFormSerializer if is_form else PublicReportSerializer)(data=data)
        serializer.is_valid(raise_exception=True)
        said: dict[str, Any] = dict(serializer.validated_data)
        person = {"name": said.pop("reporter_name", ""), "contact": said.pop("reporter_contact", "")}
        return {**said, **person}
