"""Files over HTTP: in as a limited multipart body, out as a download that a browser neither sniffs nor runs."""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.parsers import MultiPartParser

from faultreporter.api.concurrency import is_not_modified
from faultreporter.api.renderers import EnvelopeRenderer
from faultreporter.attachments.models import Attachment
from faultreporter.errors import NotFound, PayloadTooLarge

ROOM_FOR_HEADERS = 100_000


def too_large() -> PayloadTooLarge:
    limit = settings.MAX_UPLOAD_BYTES
    message = _("A file may have at most %(limit)g MB.") % {"limit": limit / 1_000_000}
    return PayloadTooLarge(message, field="file", meta={"limit_bytes": limit})


def read_upload(upload: "UploadedFile[bytes]") -> bytes:
    if (upload.size or 0) > settings.MAX_UPLOAD_BYTES:
        raise too_large()
    return bytes(upload.read())


class LimitedMultiPartParser(MultiPartParser):
    """Refuses by the declared length, before a gigabyte is written to a temporary file."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        declared = stream.META.get("CONTENT_LENGTH") or "0"
        if declared.isdigit() and int(declared) > settings.MAX_UPLOAD_BYTES + ROOM_FOR_HEADERS:
            raise too_large()
        return super().parse(stream, media_type, parser_context)


class JpegRenderer(EnvelopeRenderer):
    """Lets a caller ask for `image/jpeg`; the file itself isn't rendered, and an error is JSON all the same."""

    media_type = "image/jpeg"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        (renderer_context or {})["response"]["Content-Type"] = EnvelopeRenderer.media_type
        return super().render(data, accepted_media_type, renderer_context)


class PdfRenderer(JpegRenderer):
    media_type = "application/pdf"


def file_response(request: Any, attachment: Attachment) -> HttpResponseBase:
    """The stored bytes as a download. They never change, so a client may keep them for ever, and a proxy never."""
    response: HttpResponse | FileResponse
    if is_not_modified(request, attachment.sha256):
        response = HttpResponseNotModified()
    else:
        response = FileResponse(
            opened(attachment),
            as_attachment=True,
            filename=attachment.download_name,
            content_type=attachment.content_type,
        )
        response["Content-Length"] = str(attachment.bytes)
    response["ETag"] = f'"{attachment.sha256}"'
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def pdf_response(content: bytes, *, name: str) -> HttpResponse:
    """A PDF made for this one answer."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def opened(attachment: Attachment) -> Any:
    try:
        return attachment.file.open("rb")
    except FileNotFoundError as error:
        raise NotFound(_("The stored file is missing.")) from error
