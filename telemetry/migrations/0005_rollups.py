import django.db.models.deletion
from django.db import migrations, models

# Widest first, so that no byte is lost to alignment.
COLUMNS = """(
    series_id integer NOT NULL,
    n integer NOT NULL,
    bucket_at timestamptz NOT NULL,
    sum double precision NOT NULL,
    min double precision NOT NULL,
    max double precision NOT NULL,
    last double precision NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (series_id, bucket_at)
)"""
CREATE = f"""
CREATE TABLE iot_rollup_1m {COLUMNS} PARTITION BY RANGE (bucket_at);
CREATE TABLE iot_rollup_1m_default PARTITION OF iot_rollup_1m DEFAULT;
CREATE TABLE iot_rollup_15m {COLUMNS} PARTITION BY RANGE (bucket_at);
CREATE TABLE iot_rollup_15m_default PARTITION OF iot_rollup_15m DEFAULT;
CREATE TABLE iot_rollup_1h {COLUMNS};
CREATE TABLE iot_rollup_1d {COLUMNS};
"""
DROP = "DROP TABLE iot_rollup_1m, iot_rollup_15m, iot_rollup_1h, iot_rollup_1d"


def rollup(name: str, table: str) -> migrations.CreateModel:
    return migrations.CreateModel(
        name=name,
        fields=[
            ('pk', models.CompositePrimaryKey('series_id', 'bucket_at', blank=True, editable=False, primary_key=True, serialize=False)),
            ('n', models.IntegerField(verbose_name='readings')),
            ('bucket_at', models.DateTimeField(verbose_name='from')),
            ('sum', models.FloatField(verbose_name='sum')),
            ('min', models.FloatField(verbose_name='minimum')),
            ('max', models.FloatField(verbose_name='maximum')),
            ('last', models.FloatField(verbose_name='last value')),
            ('last_at', models.DateTimeField(verbose_name='last recorded at')),
            ('series', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='telemetry.series')),
        ],
        options={'db_table': table},
    )


class Migration(migrations.Migration):

    dependencies = [
        ('telemetry', '0004_device_ids'),
    ]

    operations = [
        # Django can't say PARTITION BY; its state knows ordinary tables.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                rollup('MinuteRollup', 'iot_rollup_1m'),
                rollup('QuarterRollup', 'iot_rollup_15m'),
                rollup('HourRollup', 'iot_rollup_1h'),
                rollup('DayRollup', 'iot_rollup_1d'),
            ],
            database_operations=[migrations.RunSQL(CREATE, DROP)],
        ),
    ]
