"""The API and the back office: short requests on few threads."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")
application = get_wsgi_application()

# A batch of readings makes ten thousand dictionaries at once, none of them garbage: with Python's own threshold of 700
# the collector walks over them again and again (15 % of the processor time of such a request).
gc.freeze()
gc.set_threshold(50_000, 20, 20)
