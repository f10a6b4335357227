from django.dispatch import Signal

signed_out = Signal()
"""Somebody ended a sign-in; sent inside its transaction.

`user`, `device_id` (of the phone, if they say so), `everywhere`.
"""
