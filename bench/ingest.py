"""`python -m bench ingest`: readings a second against what PostgreSQL itself can take, and against the peer.

The limit is COPY of the same kind of rows into the same table: packed, sorted by key and in binary before the clock
starts, one transaction. Ours begins with the parsed JSON in process, with the request over HTTP, device key, rate limit
and audit context on. Every reading is new to its series unless said otherwise; some batches have two forms of reading
or one wrong reading. Rounds interleave; medians, with the least and the most. Processor time is that of our process or
server and of PostgreSQL, per 1,000 readings.

It wants a database of its own: python -m faultreporter.localstack exec -- python -m bench ingest
"""

import argparse
import os
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from bench import ingest_growth, ingest_http
from bench.batches import METRICS, SPOILT, Fleet, Shape, in_process
from faultreporter.garbage import collect_less

MACHINES = 1_000
ROUNDS = 15
SHAPES = (
    *(Shape(1_000, 250), Shape(10_000, 250), Shape(10_000, 5_000), Shape(10_000, 250, late=True)),
    *(Shape(readings, 250, spoilt=name) for readings in (1_000, 10_000) for name in SPOILT),
)
COLUMNS = f"{'':46} {'k/s':>7} {'spread':^15} {'our cpu':>8} {'pg cpu':>8}"


def set_up() -> tuple[list[str], str]:
    """The machines' ids and a device key."""
    from equipment.tests.factories import EquipmentFactory, LocationFactory  # noqa: PLC0415 - Django must be set up
    from telemetry.catalogue import load_metrics  # noqa: PLC0415
    from telemetry.tests.factories import issue_key  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    load_metrics()
    machines = EquipmentFactory.create_batch(MACHINES, location=LocationFactory())
    return [str(one.pk) for one in machines], issue_key(all_equipment=True)[1]


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench ingest")
    default = Path(settings.BASE_DIR).parent / "shared" / "peers"
    parser.add_argument("--peer", type=Path, default=default, metavar="DIR", help="where fastapi_plan/ is")
    parser.add_argument("--growth", action="store_true", help="1 M against 50 M rows instead: minutes, and 6 GB")
    options = parser.parse_args(arguments)
    collect_less()  # as the server does
    machines, key = set_up()
    print(f"{len(machines) * len(METRICS):,} series, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{COLUMNS}  milliseconds for 1,000 readings")
    if options.growth:
        for line in ingest_growth.compare(Fleet(machines)):
            print(line, flush=True)
        return
    for shape, (raw, ours) in in_process(Fleet(machines), SHAPES, rounds=ROUNDS).items():
        if not shape.spoilt:
            print(f"{f'COPY, {shape}':46} {raw}")
        print(f"{f'ingest, {shape}':46} {ours}  {ours.rate / raw.rate * 100:.0f} % of COPY", flush=True)
    for line in ingest_http.compare(machines, key, options.peer, list(SHAPES[:2])):
        print(line, flush=True)
    print(f"load at the end {os.getloadavg()[0]:.1f}")
