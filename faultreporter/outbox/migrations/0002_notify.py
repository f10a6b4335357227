"""Wake the relay when a transaction with new messages commits; messages, which soon go, aren't packed away."""

from django.db import migrations

NOTIFY = """
CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY outbox;
    RETURN NULL;
END
$$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox_messages
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]

    operations = [
        migrations.RunSQL(NOTIFY, "DROP FUNCTION outbox_notify() CASCADE"),
        migrations.RunSQL("ALTER TABLE outbox_messages SET (toast_tuple_target = 8160)", migrations.RunSQL.noop),
    ]
