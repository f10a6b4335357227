from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from faultreporter.attachments.files import file_response, opened, read_upload
from faultreporter.attachments.images import make_safe, thumbnail
from faultreporter.attachments.models import Attachment
from faultreporter.backoffice import ModelAdmin
from faultreporter.errors import DomainError

THUMBNAIL_EDGE = 320


def thumbnail_url(attachment: Attachment) -> str:
    return reverse("admin:attachments_attachment_thumbnail", args=[attachment.pk])


def thumbnail_tag(attachment: Attachment, *, edge: int) -> SafeString | str:
    """The photograph as a small linked picture; a PDF by its name."""
    url = reverse("admin:attachments_attachment_file", args=[attachment.pk])
    if attachment.kind == Attachment.Kind.PDF:
        return format_html('<a href="{}">{}</a>', url, attachment)
    return format_html(
        '<a href="{}"><img src="{}" alt="{}" loading="lazy" style="max-height: {}px; max-width: {}px"></a>',
        url,
        thumbnail_url(attachment),
        attachment,
        edge,
        edge,
    )


class UploadForm(forms.ModelForm[Attachment]):
    upload = forms.FileField(
        label=_("File"), help_text=_("JPEG, PNG, WebP, HEIC or PDF."), widget=UnfoldAdminFileFieldWidget
    )

    class Meta:
        model = Attachment
        fields = ()

    def clean_upload(self) -> Any:
        upload = self.cleaned_data["upload"]
        try:
            self.instance.original_name = upload.name
            return make_safe(read_upload(upload))
        except DomainError as error:
            raise forms.ValidationError(error.message) from error


@admin.register(Attachment)
class AttachmentAdmin(ModelAdmin):
    """What people handed in. A file is never changed; it can be added, and deleted while nothing uses it."""

    empty_note = _("What people photograph and upload for a fault, a plan or a drawing is kept here.")
    list_display = ("preview", "original_name", "kind", "size", "uploaded_by", "created_at")
    list_display_links = ("original_name",)
    list_filter = ("kind",)
    list_select_related = ("uploaded_by",)
    search_fields = ("original_name", "uploaded_by__display_name")
    ordering = ("-created_at", "-id")
    fields = (
        *("large_preview", "original_name", "kind", "content_type", "size", "width", "height", "sha256"),
        *("uploaded_by", "created_at"),
    )
    readonly_fields = fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else UploadForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("upload",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        safe, name = form.cleaned_data["upload"], obj.original_name
        obj.store(safe, name=name, by=request.user, at=timezone.now())

    def delete_record(self, request: HttpRequest, record: Attachment) -> None:
        record.delete_unused()

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<uuid:pk>/file", self.admin_site.admin_view(self.file_view), name="attachments_attachment_file"),
            path(
                "<uuid:pk>/thumbnail",
                self.admin_site.admin_view(self.thumbnail_view, cacheable=True),
                name="attachments_attachment_thumbnail",
            ),
        ]
        return [*own, *super().get_urls()]

    def visible(self, request: HttpRequest, pk: Any) -> Attachment:
        attachment = Attachment.objects.filter(pk=pk).first()
        if attachment is None:
            raise Http404
        if not self.has_view_permission(request, attachment):
            raise PermissionDenied
        return attachment

    def file_view(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        return file_response(request, self.visible(request, pk))

    def thumbnail_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        attachment = self.visible(request, pk)
        if attachment.kind != Attachment.Kind.IMAGE:
            raise Http404
        with opened(attachment) as file:
            response = HttpResponse(thumbnail(file.read(), THUMBNAIL_EDGE), content_type="image/jpeg")
        response["Cache-Control"] = "private, max-age=31536000, immutable"
        return response

    @admin.display(description=_("size"), ordering="bytes")
    def size(self, attachment: Attachment) -> str:
        return filesizeformat(attachment.bytes)

    @admin.display(description=_("file"))
    def preview(self, attachment: Attachment) -> SafeString | str:
        return thumbnail_tag(attachment, edge=48)

    @admin.display(description=_("file"))
    def large_preview(self, attachment: Attachment) -> SafeString | str:
        return thumbnail_tag(attachment, edge=THUMBNAIL_EDGE)
