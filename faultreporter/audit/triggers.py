"""Which tables are audited, and keeping the database in step with that.

A model says `audited = True`; `audit_masked` names fields whose values must not be readable, `audit_ignored` fields
that are not worth an entry. The many-to-many tables of an audited model are audited with it.
"""

from collections.abc import Iterable

from django.apps import apps
from django.db import connections, models
from psycopg import sql

TRIGGER = "audit_row"


def declared() -> dict[str, tuple[str, ...]]:
    """Audited table -> the trigger's arguments: masked columns, ignored columns, key column."""
    tables: dict[str, tuple[str, ...]] = {}
    for model in apps.get_models():
        if not getattr(model, "audited", False) or not model._meta.managed or model._meta.proxy:
            continue
        tables[model._meta.db_table] = _arguments(model)
        for relation in model._meta.local_many_to_many:
            through = relation.remote_field.through
            if through is not None and through._meta.auto_created:
                tables[through._meta.db_table] = _arguments(through)
    return tables


def installed(using: str = "default") -> dict[str, tuple[str, ...]]:
    """Table -> the arguments of the trigger it has, as the database says."""
    return {table: arguments for table, arguments in _tables(using).items() if arguments is not None}


def sync(using: str = "default") -> None:
    """Give every audited table its trigger and take it from the others. Cheap when nothing changed: one query."""
    existing = _tables(using)
    if "audit_logs" not in existing:  # migrated back to zero
        return
    wanted = {table: arguments for table, arguments in declared().items() if table in existing}
    statements = [_create(table, arguments) for table, arguments in wanted.items() if existing[table] != arguments] + [
        _drop(table) for table, arguments in existing.items() if arguments is not None and table not in wanted
    ]
    with connections[using].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _arguments(model: type[models.Model]) -> tuple[str, ...]:
    return (
        _columns(model, getattr(model, "audit_masked", ())),
        _columns(model, getattr(model, "audit_ignored", ())),
        _columns(model, [model._meta.pk.name]),
    )


def _columns(model: type[models.Model], fields: Iterable[str]) -> str:
    # The far side of a relation has no column; naming one is a mistake that should show.
    return ",".join(sorted(model._meta.get_field(field).column for field in fields))  # type: ignore[union-attr,misc]


def _tables(using: str) -> dict[str, tuple[str, ...] | None]:
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, t.tgargs
            FROM pg_class c
            LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = %s AND NOT t.tgisinternal
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND pg_table_is_visible(c.oid)
            """,
            [TRIGGER],
        )
        return {table: _decode(arguments) for table, arguments in cursor.fetchall()}


def _decode(arguments: bytes | None) -> tuple[str, ...] | None:
    # pg_trigger keeps them as C strings, each ended by a zero byte
    return None if arguments is None else tuple(bytes(arguments).decode().split("\0")[:-1])


def _create(table: str, arguments: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(
        "CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION audit_row({arguments})"
    ).format(
        trigger=sql.Identifier(TRIGGER),
        table=sql.Identifier(table),
        arguments=sql.SQL(", ").join(map(sql.Literal, arguments)),
    )


def _drop(table: str) -> sql.Composed:
    return sql.SQL("DROP TRIGGER {trigger} ON {table}").format(
        trigger=sql.Identifier(TRIGGER), table=sql.Identifier(table)
    )
