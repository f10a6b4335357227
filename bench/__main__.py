"""`python -m bench [PART …]`: what the parts of the product cost; each part's own words say how it measures."""

import os
import sys
from importlib import import_module

import django

PARTS = {
    "serving": "bench.serving",
    "ingest": "bench.ingest",
    "streams": "bench.streams",
    "rules": "bench.rules",
    "alarms": "bench.alarms",
    "mqtt": "bench.mqtt",
    "nab": "bench.nab.report",
}


def main() -> int:
    name, *arguments = sys.argv[1:] or ["serving"]
    if name not in PARTS:
        raise SystemExit(f"There is no part {name}. There are: {', '.join(PARTS)}.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")
    os.environ["LOG_LEVEL"] = "WARNING"
    django.setup()
    return import_module(PARTS[name]).run(arguments) or 0


if __name__ == "__main__":
    sys.exit(main())
