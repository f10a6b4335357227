from faultreporter.api.filters import ChoicesFilter, FilterSet
from faultreporter.attachments.models import Attachment


class AttachmentFilter(FilterSet):
    kind = ChoicesFilter(choices=Attachment.Kind.choices)

    class Meta:
        model = Attachment
        fields: list[str] = []
