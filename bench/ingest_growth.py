"""What storing a reading costs when the table is fifty times as large: both with the same batches, in one run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection

from bench.batches import Figures, Fleet, Shape, in_process

ROUNDS = 15
SIZES = (1_000_000, 50_000_000)
SHAPES = (Shape(1_000, 250), Shape(10_000, 250))
DAYS = 300

# Server-side, series after series: as if each had sent in even steps until a day ago.
FILL = """
INSERT INTO iot_data (series_id, recorded_at, value)
SELECT series.id, %(end)s - n * (interval '1 day' * %(days)s / %(each)s), 20 + n %% 100 / 10.0
FROM iot_series series, generate_series(%(each)s, 1, -1) n
ORDER BY 1, 2
ON CONFLICT DO NOTHING"""


def measured(fleet: Fleet) -> dict[Shape, Figures]:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) iot_data")
        cursor.execute("CHECKPOINT")
    return {shape: ours for shape, (_, ours) in in_process(fleet, SHAPES, rounds=ROUNDS).items()}


def fill(rows: int) -> int:
    """Up to so many rows, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM iot_series")
        each = rows // cursor.fetchone()[0]
        end = datetime.now(UTC) - timedelta(days=1)
        cursor.execute(FILL, {"end": end, "days": DAYS, "each": each})
        cursor.execute("SELECT count(*) FROM iot_data")
        return int(cursor.fetchone()[0])


def compare(fleet: Fleet) -> Iterator[str]:
    found = []
    in_process(fleet, (Shape(5_000, 5_000),), rounds=1)  # makes the series
    for size in SIZES:
        rows = fill(size)
        found.append(measured(fleet))
        for shape, figures in found[-1].items():
            yield f"{f'{rows / 1e6:.0f} M rows, {shape}':34} {figures}"
    small, large = found
    for shape in SHAPES:
        clock = small[shape].rate / large[shape].rate
        spent = [
            sum(one[shape].per_thousand(part) for part in (one[shape].client, one[shape].database)) for one in found
        ]
        yield f"{shape}: a reading costs {clock:.2f} times the time, {spent[1] / spent[0]:.2f} times the processor time"
