"""The stream process: long-lived connections, apart from the few threads of the API."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")
application = get_asgi_application()
