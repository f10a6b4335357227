"""How often one person may ask in a day: questions that a paid provider may see, wherever they were asked."""

import math
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from aiassist.budget import start_of_day
from aiassist.errors import AiQuotaExceeded
from aiassist.models import Analysis
from aiassist.providers import registry
from faultreporter.accounts.models import User
from faultreporter.locks import Lock, hold


def require_room(*, by: User, provider: str, at: datetime) -> None:
    """Raises AiQuotaExceeded. In the transaction that then asks: until it ends, nobody else asks for this person."""
    used = used_today(by=by, provider=provider, at=at)
    if used is None or used < settings.AI_DAILY_QUOTA_PER_USER:
        return
    resets_at = start_of_day(at) + timedelta(days=1)
    raise AiQuotaExceeded(
        _("You have asked as often as one may in a day. Ask RULEBOOK, which is free, or again tomorrow."),
        limit=settings.AI_DAILY_QUOTA_PER_USER,
        used=used,
        resets_at=resets_at,
        retry_after=math.ceil((resets_at - at).total_seconds()),
    )


def within(*, by: User | None, provider: str, at: datetime) -> str:
    """The provider that may be asked without refusing anything: the rule book for who has used up the day."""
    try:
        if by is not None:
            require_room(by=by, provider=provider, at=at)
    except AiQuotaExceeded:
        return registry.RULEBOOK
    return provider


def used_today(*, by: User, provider: str, at: datetime) -> int | None:
    """How many counted; None if this one doesn't, because only the rule book will see it."""
    if not any(one.follows_prompts for one in registry.to_ask(provider)):
        return None
    hold(Lock.AI_QUOTA, of=str(by.pk))
    asked = Analysis.objects.filter(requested_by=by, created_at__gte=start_of_day(at))
    return asked.exclude(requested_provider=registry.RULEBOOK).count()
