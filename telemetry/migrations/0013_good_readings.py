from django.db import migrations, models

# What readers name instead of the table. The planner sees through it to the partitions and their key.
CREATE_VIEW = """
CREATE VIEW iot_readings AS SELECT series_id, recorded_at, value, quality FROM iot_data WHERE quality <> 1
"""
# Readings that were void are valid for whoever knows nothing of void ones.
FORGET_QUALITY = "UPDATE iot_data SET quality = 0 WHERE quality = 1"


class Migration(migrations.Migration):

    dependencies = [
        ('telemetry', '0012_kept_readings'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='reading',
                    name='quality',
                    field=models.SmallIntegerField(choices=[(0, 'Good'), (1, 'Void')], db_default=0, default=0, verbose_name='quality'),
                ),
            ],
        ),
        migrations.RunSQL(migrations.RunSQL.noop, FORGET_QUALITY),
        migrations.RunSQL(CREATE_VIEW, 'DROP VIEW iot_readings'),
        migrations.RemoveField(
            model_name='latestreading',
            name='quality',
        ),
        migrations.AddField(
            model_name='latestreading',
            name='void_at',
            field=models.DateTimeField(blank=True, help_text='The reading of this moment is void.', null=True, verbose_name='void reading'),
        ),
    ]
