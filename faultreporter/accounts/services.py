"""Letting somebody in: what a sign-in at the identity provider makes of our list of people."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from faultreporter.accounts.errors import EmailNotVerified
from faultreporter.accounts.models import User
from faultreporter.accounts.sign_ins import SignIn
from faultreporter.errors import Duplicate
from faultreporter.locks import Lock, hold


def admit(sign_in: SignIn, *, at: datetime) -> User:
    """The person behind a verified sign-in: known by uid, or linked by a verified address, or new and a REPORTER."""
    with transaction.atomic():
        user = User.objects.filter(firebase_uid=sign_in.uid).first() or admit_first_time(sign_in)
        user.require_active()
        user.require_current(sign_in.auth_time)
        adopt_profile(user, sign_in)
        user.note_seen(at)
        return user


def admit_first_time(sign_in: SignIn) -> User:
    """Link or register. The lock makes a second request of the same new person find what the first has written."""
    hold(Lock.FIRST_SIGN_IN)
    known = User.objects.filter(firebase_uid=sign_in.uid).first()
    if known is not None:
        return known
    email = verified_email(sign_in)
    if not email:
        raise EmailNotVerified(_("Confirm your e-mail address first: open the link that was sent to it, then sign in."))
    namesake = User.objects.living().filter(email=email).first()
    if namesake is None:
        return User.objects.create_user(email=email, firebase_uid=sign_in.uid, phone=sign_in.phone[:32])
    if namesake.firebase_uid is not None:
        raise Duplicate(_("Another account already uses this e-mail address."), field="email")
    namesake.require_active()
    namesake.firebase_uid = sign_in.uid
    namesake.save(update_fields=["firebase_uid"])
    return namesake


def adopt_profile(user: User, sign_in: SignIn) -> None:
    """Follow a change of address, once it is verified and if nobody else has it; fill in a name that is missing."""
    changed: dict[str, object] = {}
    email = verified_email(sign_in)
    taken = User.objects.living().filter(email=email).exclude(pk=user.pk)
    if email and (email != user.email or not user.email_verified) and not taken.exists():
        changed |= {"email": email, "email_verified": True}
    if sign_in.name and not user.display_name:
        changed["display_name"] = sign_in.name[:120]
    for name, value in changed.items():
        setattr(user, name, value)
    if changed:
        user.save(update_fields=list(changed))


def verified_email(sign_in: SignIn) -> str:
    """The address if Firebase has verified it and it can be stored, else nothing."""
    email = User.objects.normalize_email(sign_in.email)
    return email if sign_in.email_verified and len(email) <= 254 else ""
