from faultreporter.errors import DomainError, HasChildren


class ImageRejected(DomainError):
    """The bytes are not a picture (or a PDF) that we accept; the message says what is wrong with them."""

    code = "IMAGE_REJECTED"
    http_status = 422


class AttachmentInUse(HasChildren):
    """The file hangs on a record, so it can't be deleted."""
