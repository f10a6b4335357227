"""What a push, an e-mail or a page says about a notification."""

from django.apps import apps
from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext, ngettext

from faultreporter.notifications.models import Delivery, Notification


def headline(delivery: Delivery) -> str:
    """The notification's title, or for how many of its group it stands."""
    about, count = delivery.notification, delivery.stands_for
    if count < 2:
        return about.title
    words = {"count": count, "about": about.about or about.title}
    if about.kind.startswith("ALERT"):
        return ngettext("%(count)d alert on %(about)s", "%(count)d alerts on %(about)s", count) % words
    return gettext("%(count)d × %(about)s") % words


def text(delivery: Delivery) -> str:
    """Below the headline; the newest of several is named."""
    about = delivery.notification
    return about.body if delivery.stands_for < 2 else about.title


def subject_name(notification: Notification) -> str:
    """What it is about, as the API names records: ALERT, WORK_ORDER."""
    try:
        label = apps.get_model(notification.subject_type).__name__
    except LookupError:  # an app that is gone
        label = notification.subject_type.rpartition(".")[2]
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in label).removeprefix("_")


def page_path(notification: Notification) -> str:
    """The back office's page of what it is about; empty if there is none."""
    name = notification.subject_type.replace(".", "_")
    try:
        return reverse(f"admin:{name}_change", args=[notification.subject_id])
    except NoReverseMatch:
        return ""


def page_url(notification: Notification) -> str:
    """For those who may enter the back office."""
    path = page_path(notification) if notification.user.is_staff else ""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}" if path else ""
