from django.db import migrations, models

# The version is random, not counted: one that a roll-back takes away never comes again for something else.
FORWARD = """
INSERT INTO iot_directory (id, version) VALUES (1, gen_random_uuid());

CREATE FUNCTION iot_directory_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE iot_directory SET version = gen_random_uuid();
    RETURN NULL;
END $$;

CREATE TRIGGER iot_directory_changed AFTER UPDATE ON equipment FOR EACH ROW
WHEN ((OLD.equipment_code, OLD.deleted_at) IS DISTINCT FROM (NEW.equipment_code, NEW.deleted_at))
EXECUTE FUNCTION iot_directory_changed();
CREATE TRIGGER iot_directory_changed AFTER UPDATE ON iot_metrics FOR EACH ROW
WHEN ((OLD.code, OLD.unit, OLD.physical_min, OLD.physical_max, OLD.deleted_at)
    IS DISTINCT FROM (NEW.code, NEW.unit, NEW.physical_min, NEW.physical_max, NEW.deleted_at))
EXECUTE FUNCTION iot_directory_changed();
CREATE TRIGGER iot_directory_changed AFTER UPDATE ON iot_series FOR EACH ROW
WHEN ((OLD.equipment_id, OLD.metric_id, OLD.gateway_id)
    IS DISTINCT FROM (NEW.equipment_id, NEW.metric_id, NEW.gateway_id))
EXECUTE FUNCTION iot_directory_changed();
CREATE TRIGGER iot_directory_changed AFTER UPDATE ON device_keys FOR EACH ROW
WHEN ((OLD.digest, OLD.previous_digest, OLD.previous_expires_at, OLD.all_equipment, OLD.deleted_at)
    IS DISTINCT FROM (NEW.digest, NEW.previous_digest, NEW.previous_expires_at, NEW.all_equipment, NEW.deleted_at))
EXECUTE FUNCTION iot_directory_changed();
CREATE TRIGGER iot_directory_changed AFTER INSERT OR UPDATE OR DELETE ON device_keys_equipment FOR EACH STATEMENT
EXECUTE FUNCTION iot_directory_changed();
CREATE TRIGGER iot_directory_left AFTER DELETE ON device_keys FOR EACH STATEMENT
EXECUTE FUNCTION iot_directory_changed();
CREATE TRIGGER iot_directory_left AFTER DELETE ON equipment FOR EACH STATEMENT
EXECUTE FUNCTION iot_directory_changed();
CREATE TRIGGER iot_directory_left AFTER DELETE ON iot_metrics FOR EACH STATEMENT
EXECUTE FUNCTION iot_directory_changed();
CREATE TRIGGER iot_directory_left AFTER DELETE ON iot_series FOR EACH STATEMENT
EXECUTE FUNCTION iot_directory_changed();
"""

BACKWARD = """
DROP TRIGGER iot_directory_changed ON equipment;
DROP TRIGGER iot_directory_changed ON iot_metrics;
DROP TRIGGER iot_directory_changed ON iot_series;
DROP TRIGGER iot_directory_changed ON device_keys;
DROP TRIGGER iot_directory_changed ON device_keys_equipment;
DROP TRIGGER iot_directory_left ON device_keys;
DROP TRIGGER iot_directory_left ON equipment;
DROP TRIGGER iot_directory_left ON iot_metrics;
DROP TRIGGER iot_directory_left ON iot_series;
DROP FUNCTION iot_directory_changed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('equipment', '0001_initial'),
        ('telemetry', '0010_imports'),
    ]

    operations = [
        migrations.CreateModel(
            name='DirectoryVersion',
            fields=[
                ('id', models.SmallIntegerField(primary_key=True, serialize=False)),
                ('version', models.UUIDField()),
            ],
            options={
                'verbose_name': 'version of the directory',
                'verbose_name_plural': 'versions of the directory',
                'db_table': 'iot_directory',
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
