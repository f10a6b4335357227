from typing import ClassVar

from faultreporter.api.filters import ChoicesFilter, FilterSet
from faultreporter.attachments.models import Attachment


class AttachmentFilters(FilterSet):
    kind = ChoicesFilter(choices=Attachment.Kind.choices)

    class Meta:
        model = Attachment
        fields: ClassVar[list[str]] = []
