"""The house's rules that a linter can't see: where keys and migrations point, what is audited, who may call what."""

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader
from django.urls import URLPattern, URLResolver, get_resolver

from faultreporter.api.permissions import Rule
from faultreporter.db import TimeStampedModel

# Low to high; a foreign key or a migration may point down or stay, never up.
LAYERS = [
    {"audit", "outbox"},
    {"api"},
    {"accounts"},
    {"attachments", "auditlog", "notifications", "schedules"},
    {"webhooks", "live"},
    {"locations"},
    {"equipment"},
    {"telemetry"},
    {"alerts"},
    {"workorders"},
    {"analytics", "aiassist"},
    {"demo"},
]
LEVEL = {label: level for level, labels in enumerate(LAYERS) for label in labels}
OURS = [model for model in apps.get_models() if model._meta.app_label in LEVEL]
THE_PLANS_TABLES = {
    "users",
    "locations",
    "equipment",
    "alerts",
    "work_orders",
    "iot_data",
    "technical_diagrams",
    "energy_consumption",
    "asset_reliability",
    "user_equipment_assignments",
    "audit_logs",
}


def foreign_keys() -> list[tuple[models.Field, type[models.Model]]]:
    return [
        (field, field.related_model)
        for model in OURS
        for field in [*model._meta.fields, *model._meta.many_to_many]
        if field.related_model is not None and field.related_model is not apps.get_model(settings.AUTH_USER_MODEL)
    ]


def test_every_app_has_its_place_in_the_layers() -> None:
    local = {
        config.label
        for config in apps.get_app_configs()
        if str(config.path).startswith(str(settings.BASE_DIR)) and ".venv" not in config.path
    }

    assert local <= set(LEVEL)


def test_foreign_keys_point_down() -> None:
    wrong = [
        str(field)
        for field, target in foreign_keys()
        if target._meta.app_label in LEVEL and LEVEL[target._meta.app_label] > LEVEL[field.model._meta.app_label]
    ]

    assert wrong == []


def test_migrations_point_down() -> None:
    graph = MigrationLoader(None).graph
    wrong = [
        f"{key} -> {parent.key}"
        for key, node in graph.node_map.items()
        for parent in node.parents
        if key[0] in LEVEL
        and parent.key[0] in LEVEL
        and LEVEL[parent.key[0]] > LEVEL[key[0]]
        and parent.key[0] != "accounts"
    ]

    assert wrong == []


def test_the_plans_tables_are_there_under_their_names() -> None:
    assert {model._meta.db_table for model in OURS} >= THE_PLANS_TABLES


def test_every_model_says_what_it_is() -> None:
    silent = [m.__name__ for m in OURS if not m.__doc__ or m.__doc__.startswith(f"{m.__name__}(")]

    assert [name for name in silent if "_" not in name] == []


@pytest.mark.django_db
def test_every_audited_model_has_its_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " JOIN pg_proc ON pg_proc.oid = tgfoid WHERE proname = 'audit_row'"
        )
        with_trigger = {name for (name,) in cursor.fetchall()}
    audited = {m._meta.db_table for m in OURS if issubclass(m, TimeStampedModel) and m.audited}

    assert audited
    assert audited <= with_trigger


def api_patterns() -> list[tuple[str, URLPattern]]:
    found: list[tuple[str, URLPattern]] = []

    def walk(resolver: URLResolver, prefix: str) -> None:
        for pattern in resolver.url_patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern, path)
            else:
                found.append((path, pattern))

    walk(get_resolver(), "")
    return [(path, pattern) for path, pattern in found if path.startswith("api/v1/")]


def test_every_action_of_every_endpoint_has_a_rule() -> None:
    missing = []
    for path, pattern in api_patterns():
        view = getattr(pattern.callback, "cls", None)
        if view is None:
            continue
        actions = getattr(pattern.callback, "actions", None) or {
            method: method
            for method in view.http_method_names
            if method not in {"options", "head", "trace"} and hasattr(view, method)
        }
        missing += [f"{path} {a}" for a in actions.values() if not isinstance(view.permissions.get(a), Rule)]

    assert missing == []
