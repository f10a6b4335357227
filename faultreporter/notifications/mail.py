"""E-mails: one per notification that no push could carry, and the daily digest.

At least once, not at most: a machine that burns must not be lost between two lines of code. A worker that dies after
the mail server took a mail sends it again, with the same Message-ID, by which mail programs know the copy.
"""

import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.utils import timezone, translation

from faultreporter.accounts.models import User
from faultreporter.notifications.models import Delivery, Notification
from faultreporter.notifications.push import Outcome, Result
from faultreporter.notifications.wording import headline, page_url, text


def send(mails: Sequence[EmailMultiAlternatives]) -> list[Outcome]:
    """All through one connection; one outcome each."""
    connection = get_connection()
    try:
        connection.open()
        return [send_one(mail, connection) for mail in mails]
    except OSError as error:  # smtplib's errors are OSErrors too
        return [failed(error) for _mail in mails]
    finally:
        connection.close()


def send_one(mail: EmailMultiAlternatives, connection: Any) -> Outcome:
    started = time.monotonic()
    mail.connection = connection
    try:
        mail.send()
    except OSError as error:
        return failed(error)
    except ValueError as error:  # an address or a header that can't be written
        return Outcome(Result.REFUSED, type(error).__name__, str(error)[:500])
    message_id = mail.extra_headers["Message-ID"]
    return Outcome(Result.SENT, provider_id=message_id, milliseconds=round((time.monotonic() - started) * 1000))


def failed(error: OSError) -> Outcome:
    """5xx is the server's last word about this mail; anything else may pass."""
    codes = [getattr(error, "smtp_code", 0), *(code for code, _why in getattr(error, "recipients", {}).values())]
    refused = any(500 <= code < 600 for code in codes)
    return Outcome(Result.REFUSED if refused else Result.RETRY, type(error).__name__, str(error)[:500])


def mail_of(delivery: Delivery) -> EmailMultiAlternatives:
    about = delivery.notification
    context = {
        "notification": about,
        "text": text(delivery),
        "page_url": page_url(about),
        "headline": headline(delivery),
    }
    return build(about.user, name="notification", subject=headline(delivery), key=str(delivery.pk), **context)


def digest_of(user: User, notifications: Sequence[Notification], *, key: str) -> EmailMultiAlternatives:
    subject = translation.ngettext(
        "%(count)d thing you haven't read", "%(count)d things you haven't read", len(notifications)
    ) % {"count": len(notifications)}
    lines = [(one, page_url(one)) for one in notifications]
    return build(user, name="digest", subject=subject, key=key, headline=subject, lines=lines)


def build(user: User, *, name: str, subject: str, key: str, **context: object) -> EmailMultiAlternatives:
    """In the person's own time zone and language; the key makes the Message-ID."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    with timezone.override(user.time_zone), translation.override(user.language):
        context = {"user": user, "base_url": settings.PUBLIC_URL.rstrip("/"), **context}
        plain = render_to_string(f"notifications/{name}.txt", context)
        html = render_to_string(f"notifications/{name}.html", context)
    mail = EmailMultiAlternatives(
        " ".join(subject.split()), plain, to=[user.email], headers={"Message-ID": f"<{name}-{key}@{domain}>"}
    )
    mail.attach_alternative(html, "text/html")
    return mail
