"""The functions and guards of the audit log.

`audit_row` writes an entry for each changed row of a table it is attached to. `audit_line` is the text of an entry
that a seal covers, `audit_digest` the digest of one seal's entries. The guards make log and seals append-only.
"""

from django.db import migrations

AUDIT_ROW = """
CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    masked constant text[] := string_to_array(tg_argv[0], ',');
    ignored constant text[] := string_to_array(tg_argv[1], ',');
    before jsonb;
    after jsonb;
    difference jsonb;
BEGIN
    IF tg_op <> 'INSERT' THEN
        before := to_jsonb(old);
    END IF;
    IF tg_op <> 'DELETE' THEN
        after := to_jsonb(new);
    END IF;
    SELECT jsonb_object_agg(name, CASE WHEN name = ANY (masked)
            THEN jsonb_build_array(CASE WHEN was IS NOT NULL THEN '***' END, CASE WHEN is_now IS NOT NULL THEN '***' END)
            ELSE jsonb_build_array(was, is_now) END)
        INTO difference
        FROM (
            SELECT name, nullif(before -> name, 'null') AS was, nullif(after -> name, 'null') AS is_now
            FROM jsonb_object_keys(coalesce(after, before)) AS name
        ) AS columns
        WHERE was IS DISTINCT FROM is_now AND name <> ALL (ignored);
    IF difference IS NULL AND tg_op = 'UPDATE' THEN
        RETURN NULL;
    END IF;
    INSERT INTO audit_logs (xid, occurred_at, actor_id, source, request_id, ip,
                            entity_type, entity_id, action, changes, row_version)
    VALUES (
        pg_current_xact_id()::text::bigint,
        clock_timestamp(),
        nullif(current_setting('faultreporter.actor_id', true), '')::uuid,
        coalesce(nullif(current_setting('faultreporter.source', true), ''), 'DATABASE'),
        left(coalesce(current_setting('faultreporter.request_id', true), ''), 200),
        nullif(current_setting('faultreporter.ip', true), '')::inet,
        tg_table_name,
        coalesce(after, before) ->> tg_argv[2],
        tg_op,
        coalesce(difference, '{}'),
        (after ->> 'updated_at')::timestamptz
    );
    RETURN NULL;
END
$$
"""

# A JSON array, not joined text: no two different entries may have the same line, and NULL is not ''.
AUDIT_LINE = """
CREATE FUNCTION audit_line(entry audit_logs) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        entry.id,
        entry.xid,
        to_char(entry.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        entry.actor_id,
        entry.source,
        entry.request_id,
        host(entry.ip),
        entry.entity_type,
        entry.entity_id,
        entry.action,
        entry.changes,
        to_char(entry.row_version AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )::text
$$
"""

AUDIT_DIGEST = """
CREATE FUNCTION audit_digest(previous bytea, seal bigint, OUT digest bytea, OUT row_count integer)
LANGUAGE sql STABLE AS $$
    SELECT sha256(previous || convert_to(coalesce(string_agg(audit_line(entry), E'\\n' ORDER BY entry.id), ''), 'UTF8')),
           count(*)::integer
    FROM audit_logs AS entry
    WHERE entry.seal_id = seal
$$
"""

APPEND_ONLY = """
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'UPDATE' AND tg_table_name = 'audit_logs' THEN
        -- the one permitted change: an entry without a seal gets one
        IF old.seal_id IS NULL AND new.seal_id IS NOT NULL
            AND to_jsonb(old) - 'seal_id' = to_jsonb(new) - 'seal_id' THEN
            RETURN new;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', tg_table_name USING ERRCODE = 'insufficient_privilege';
END
$$
"""

GUARDS = """
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_seals
    FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
"""

NO_GUARDS = """
DROP TRIGGER audit_append_only ON audit_logs;
DROP TRIGGER audit_no_truncate ON audit_logs;
DROP TRIGGER audit_append_only ON audit_seals;
DROP TRIGGER audit_no_truncate ON audit_seals;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        # CASCADE takes the triggers on the audited tables along.
        migrations.RunSQL(AUDIT_ROW, "DROP FUNCTION audit_row() CASCADE"),
        migrations.RunSQL(AUDIT_LINE, "DROP FUNCTION audit_line(audit_logs)"),
        migrations.RunSQL(AUDIT_DIGEST, "DROP FUNCTION audit_digest(bytea, bigint)"),
        migrations.RunSQL(APPEND_ONLY, "DROP FUNCTION audit_append_only()"),
        migrations.RunSQL(GUARDS, NO_GUARDS),
    ]
