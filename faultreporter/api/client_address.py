"""From which address a request really comes."""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ClientAddressMiddleware:
    """Puts the caller's address into REMOTE_ADDR when we stand behind TRUSTED_PROXY_COUNT proxies of our own.

    Each proxy appends the address it was called from, so only the last TRUSTED_PROXY_COUNT entries of X-Forwarded-For
    are true; whatever stands before them, the caller may have written. Without such proxies the header counts nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        proxies: int = settings.TRUSTED_PROXY_COUNT
        if proxies:
            entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
            address = entries[-proxies].strip() if len(entries) >= proxies else ""
            if is_address(address):
                request.META["REMOTE_ADDR"] = address
        return self.get_response(request)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
