"""The API and the back office: short requests on few threads."""

import os

from django.core.wsgi import get_wsgi_application

from faultreporter.garbage import collect_less

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")
application = get_wsgi_application()
collect_less()
