from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.outbox.models import OutboxMessage
from faultreporter.outbox.testing import deliver
from faultreporter.testing import assert_error
from telemetry.models import DeviceKey, Metric, Rule
from telemetry.models.device_keys import ROTATION_GRACE
from telemetry.tests.factories import MetricFactory, RuleFactory, SeriesFactory, holder, issue_key
from telemetry.tests.test_evaluation import send

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYWHERE = {"all_equipment": True}
METRICS, RULES, KEYS = "/api/v1/iot-metrics", "/api/v1/iot-rules", "/api/v1/device-keys"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


# --- metrics ----------------------------------------------------------------------------------------------------------

OIL = {"code": "oil_level", "name": "Oil level", "unit": "mm", "physical_min": 0, "physical_max": 500}


def test_metrics_work(api: Api, mona: User, rita: User) -> None:
    created = api(mona).post(METRICS, OIL)
    assert created.status_code == 201
    url = f"{METRICS}/{created.json()['data']['id']}"
    assert api(rita).get(url).json()["data"]["physical_max"] == 500.0

    changed = api(mona).put(url, {"physical_max": 600, "unit": "cm"})
    assert (changed.status_code, changed.json()["data"]["unit"]) == (200, "cm")

    assert [row["code"] for row in api(rita).get(METRICS, {"search": "oil"}).json()["data"]] == ["oil_level"]
    assert api(mona).delete(url).status_code == 204
    assert_error(api(rita).get(url), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "Oil"}, "code"),
        ({"code": "oil level"}, "code"),
        ({"unit": "m m"}, "unit"),
        ({"unit": "furlong"}, "unit"),
        ({"unit": ""}, "unit"),
        ({"physical_min": "0"}, "physical_min"),
        ({"physical_min": True}, "physical_min"),
        ({"physical_max": [1]}, "physical_max"),
        ({"physical_min": 500}, "physical_max"),
        ({"name": "a\0b"}, None),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_metric_that_makes_no_sense(api: Api, mona: User, changes: dict[str, Any], field: str | None) -> None:
    response = api(mona).post(METRICS, {**OIL, **changes})

    assert response.status_code == 400
    if field:
        assert field in [detail["field"] for detail in response.json()["error"]["details"]]


def test_a_code_is_given_once(api: Api, mona: User) -> None:
    MetricFactory(code="oil_level")

    error = assert_error(api(mona).post(METRICS, OIL), 409, "DUPLICATE")
    assert error["meta"]["field"] == "code"


def test_a_metric_in_use_keeps_its_unit(api: Api, mona: User) -> None:
    url = f"{METRICS}/{SeriesFactory().metric_id}"

    assert_error(api(mona).put(url, {"unit": "K"}), 409, "HAS_CHILDREN", "unit")
    assert_error(api(mona).delete(url), 409, "HAS_CHILDREN")
    assert api(mona).put(url, {"physical_max": 300}).status_code == 200


def test_a_metric_that_a_rule_watches_stays(api: Api, mona: User) -> None:
    assert_error(api(mona).delete(f"{METRICS}/{RuleFactory().metric_id}"), 409, "HAS_CHILDREN")


@pytest.mark.parametrize("brick_class", ["zone_temperature", "Zone Air", "Zone__Air", "Sensor_", "_Sensor"])
def test_what_is_no_brick_class(api: Api, mona: User, brick_class: str) -> None:
    assert_error(api(mona).post(METRICS, {**OIL, "brick_class": brick_class}), 400, "VALIDATION_ERROR", "brick_class")


def test_metrics_by_kind_and_brick_class(api: Api, mona: User, rita: User) -> None:
    MetricFactory()
    counter = {"code": "oil_used", "name": "Oil used", "unit": "L", "kind": "counter"}
    assert api(mona).post(METRICS, {**counter, "brick_class": "PM2.5_Level_Sensor"}).status_code == 201

    for query in ({"kind": "counter"}, {"brick_class": "PM2.5_Level_Sensor"}):
        assert [row["code"] for row in api(rita).get(METRICS, query).json()["data"]] == ["oil_used"]


# --- rules ------------------------------------------------------------------------------------------------------------


def rule_body(**fields: Any) -> dict[str, Any]:
    return {"title": "Too warm", "metric": MetricFactory().code, "trigger_value": 80, "severity": "high", **fields}


def test_rules_work(api: Api, mona: User, rita: User) -> None:
    machine = EquipmentFactory()

    created = api(mona).post(RULES, rule_body(equipment_id=str(machine.pk), clear_value=75))
    assert created.status_code == 201
    data = created.json()["data"]
    assert (data["comparison"], data["severity"], data["unit"], data["firing_count"]) == ("ABOVE", "HIGH", "Cel", 0)

    url = f"{RULES}/{data['id']}"
    changed = api(mona).put(url, {"trigger_value": 90.5}).json()["data"]
    assert (changed["trigger_value"], changed["clear_value"], changed["equipment_id"]) == (90.5, 75.0, str(machine.pk))
    assert [row["id"] for row in api(rita).get(RULES).json()["data"]] == [data["id"]]

    assert api(mona).delete(url).status_code == 204
    assert api(rita).get(RULES).json()["data"] == []


def test_a_rule_of_a_category_with_default_clear_value(api: Api, mona: User) -> None:
    response = api(mona).post(RULES, rule_body(category_id=str(CategoryFactory().pk)))

    assert response.json()["data"]["clear_value"] == 80.0


def test_a_rule_moves_from_a_machine_to_a_category(api: Api, mona: User) -> None:
    rule, category = RuleFactory(), CategoryFactory()

    response = api(mona).put(f"{RULES}/{rule.pk}", {"equipment_id": None, "category_id": str(category.pk)})

    assert response.json()["data"]["category_id"] == str(category.pk)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "equipment_id"),
        ({"equipment_id": "x"}, "equipment_id"),
        ({"equipment_id": "019c0000-0000-7000-8000-000000000000"}, "equipment_id"),
        ({"category_id": [1]}, "category_id"),
        ({"metric": "warmth"}, "metric"),
        ({"metric": 1}, "metric"),
        ({"metric": "\\u0000"}, "metric"),
        ({"category_id": "own", "trigger_value": None}, "trigger_value"),
        ({"trigger_value": "80"}, "trigger_value"),
        ({"trigger_value": {"v": 1}}, "trigger_value"),
        ({"category_id": "own", "clear_value": 81}, "clear_value"),
        ({"category_id": "own", "comparison": "BELOW", "clear_value": 79}, "clear_value"),
        ({"comparison": "BESIDE"}, "comparison"),
        ({"severity": "TERRIBLE"}, "severity"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
    ],
)
def test_a_rule_that_makes_no_sense(api: Api, mona: User, fields: dict[str, Any], field: str) -> None:
    if fields.get("category_id") == "own":
        fields = {**fields, "category_id": str(CategoryFactory().pk)}

    assert_error(api(mona).post(RULES, rule_body(**fields)), 400, "VALIDATION_ERROR", field)


def test_editing_closes_what_fires(api: Api, mona: User) -> None:
    line = SeriesFactory()
    rule = RuleFactory(equipment=line.equipment, at=NOW - timedelta(hours=2))
    send(line, (59, 99))
    deliver()
    url = f"{RULES}/{rule.pk}"
    assert api(mona).get(url).json()["data"]["firing_count"] == 1
    assert api(mona).get(RULES, {"is_firing": "true"}).json()["pagination"]["total_count"] == 1

    response = api(mona).put(url, {"trigger_value": 200})

    assert response.json()["data"]["firing_count"] == 0
    assert api(mona).get(RULES, {"is_firing": "false"}).json()["pagination"]["total_count"] == 1
    assert OutboxMessage.objects.pending().filter(task="telemetry.tasks.evaluate_rule").exists()


def test_rules_are_found(api: Api, rita: User) -> None:
    wanted = RuleFactory(title="Shaking", metric=MetricFactory(vibration=True), severity="CRITICAL")
    RuleFactory()

    for params in (
        {"metric": "vibration"},
        {"severity": "critical,high"},
        {"search": "shak"},
        {"equipment_id": str(wanted.equipment_id)},
    ):
        assert [row["id"] for row in api(rita).get(RULES, params).json()["data"]] == [str(wanted.pk)], params
    assert_error(api(rita).get(RULES, {"severity": "awful"}), 400, "INVALID_PARAMETER")


def test_rules_of_machines_out_of_sight(api: Api, mona: User, olga: User) -> None:
    rule = RuleFactory()
    rule.equipment.location.site.change(by=None, open_to_all=False)

    assert api(olga).get(RULES).json()["data"] == []
    assert_error(api(olga).get(f"{RULES}/{rule.pk}"), 404, "NOT_FOUND")
    machine_out_of_sight = rule_body(equipment_id=str(rule.equipment_id))
    assert_error(api(mona).post(RULES, machine_out_of_sight), 400, "VALIDATION_ERROR", "equipment_id")


def test_the_version_of_a_rule_is_checked(api: Api, mona: User, clock: time_machine.Traveller) -> None:
    url = f"{RULES}/{RuleFactory().pk}"
    tag = api(mona).get(url)["ETag"]

    clock.shift(1)
    assert api(mona).get(url, headers={"If-None-Match": tag}).status_code == 304
    assert api(mona).put(url, {"title": "Hot"}, headers={"If-Match": tag}).status_code == 200
    assert_error(api(mona).put(url, {"title": "Hotter"}, headers={"If-Match": tag}), 412, "PRECONDITION_FAILED")


# --- device keys ------------------------------------------------------------------------------------------------------


def test_device_keys_work(api: Api, mona: User) -> None:
    machine = EquipmentFactory()

    created = api(mona).post(KEYS, {"name": "Roof", "equipment_ids": [str(machine.pk)]})
    assert created.status_code == 201
    data = created.json()["data"]
    assert data["key"].startswith(data["prefix"])
    key = holder(data["key"], at=NOW)
    assert key
    assert key.allowed_equipment() == frozenset({machine.pk})

    url = f"{KEYS}/{data['id']}"
    shown = api(mona).get(url).json()["data"]
    assert "key" not in shown
    assert (shown["equipment_ids"], shown["all_equipment"]) == ([str(machine.pk)], False)

    changed = api(mona).put(url, {"name": "Cellar", "equipment_ids": [], "all_equipment": True}).json()["data"]
    assert (changed["name"], changed["equipment_ids"], changed["all_equipment"]) == ("Cellar", [], True)

    assert api(mona).delete(url).status_code == 204
    assert not holder(data["key"], at=NOW)


def test_a_device_id_names_one_living_gateway(api: Api, mona: User) -> None:
    first = api(mona).post(KEYS, {"name": "Roof", "device_id": "gw-7", **EVERYWHERE}).json()["data"]
    taken = api(mona).post(KEYS, {"name": "Cellar", "device_id": "gw-7", **EVERYWHERE})
    unnamed = [api(mona).post(KEYS, {"name": name, **EVERYWHERE}).status_code for name in ("One", "Two")]

    assert (first["device_id"], unnamed) == ("gw-7", [201, 201])
    assert_error(taken, 409, "DUPLICATE", "device_id")
    assert list(DeviceKey.objects.named(["gw-7", "", "gw-8"])) == [DeviceKey.objects.get(device_id="gw-7")]
    api(mona).delete(f"{KEYS}/{first['id']}")
    assert not DeviceKey.objects.named(["gw-7"]).exists()
    assert api(mona).post(KEYS, {"name": "Cellar", "device_id": "gw-7", **EVERYWHERE}).status_code == 201


@pytest.mark.parametrize("device_id", ["a/b", "+", "#", "-a", "a b", "ä", "x" * 65])
def test_a_device_id_is_a_plain_word(api: Api, mona: User, device_id: str) -> None:
    answer = api(mona).post(KEYS, {"name": "Roof", "device_id": device_id})

    assert_error(answer, 400, "VALIDATION_ERROR", "device_id")


def test_rotation_keeps_the_old_key_for_a_week(api: Api, mona: User) -> None:
    key, old = issue_key()

    new = api(mona).post(f"{KEYS}/{key.pk}/rotate").json()["data"]["key"]

    assert holder(old, at=NOW) == holder(new, at=NOW) == key
    assert not holder(old, at=NOW + ROTATION_GRACE)
    assert holder(new, at=NOW + ROTATION_GRACE) == key
    newest = api(mona).post(f"{KEYS}/{key.pk}/rotate").json()["data"]["key"]
    assert [bool(holder(plain, at=NOW)) for plain in (old, new, newest)] == [False, True, True]


def test_a_used_key_says_when() -> None:
    key, plain = issue_key()
    version = key.updated_at

    for _ in range(2):
        APIClient().post("/api/v1/iot-data", {"readings": []}, headers={"X-Device-Key": plain})

    key.refresh_from_db()
    assert (key.last_used_at, key.updated_at) == (NOW, version)


def test_the_key_is_stored_nowhere(api: Api, mona: User) -> None:
    plain = api(mona).post(KEYS, {"name": "Roof", "all_equipment": True}).json()["data"]["key"]

    assert plain not in str(DeviceKey.objects.values())


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "x", "equipment_ids": ["x"]}, {"name": "x", "equipment_ids": "x"}, {"name": 1}]
)
def test_a_key_that_makes_no_sense(api: Api, mona: User, body: dict[str, Any]) -> None:
    assert_error(api(mona).post(KEYS, body), 400, "VALIDATION_ERROR")


def test_a_key_that_could_send_nothing(api: Api, mona: User) -> None:
    (everywhere, _), (one, _) = issue_key(), issue_key(equipment=[EquipmentFactory()])

    for answer in (
        api(mona).post(KEYS, {"name": "Roof"}),
        api(mona).post(KEYS, {"name": "Roof", "equipment_ids": []}),
        api(mona).patch(f"{KEYS}/{everywhere.pk}", {"all_equipment": False}),
        api(mona).patch(f"{KEYS}/{one.pk}", {"equipment_ids": []}),
    ):
        message = assert_error(answer, 400, "VALIDATION_ERROR", "equipment_ids")["message"]
        assert "allow it all equipment" in message
    assert api(mona).patch(f"{KEYS}/{one.pk}", {"name": "Roof"}).status_code == 200


# --- who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["tess", "rita"])
def test_only_managers_write(api: Api, request: pytest.FixtureRequest, who: str) -> None:
    client = api(request.getfixturevalue(who))
    rule, (key, _plain) = RuleFactory(), issue_key()

    for url in (METRICS, RULES, KEYS, f"{KEYS}/{key.pk}/rotate"):
        assert_error(client.post(url, {}), 403, "PERMISSION_DENIED")
    for url in (f"{METRICS}/{rule.metric_id}", f"{RULES}/{rule.pk}", f"{KEYS}/{key.pk}"):
        assert_error(client.put(url, {}), 403, "PERMISSION_DENIED")
        assert_error(client.patch(url, {}), 403, "PERMISSION_DENIED")
        assert_error(client.delete(url), 403, "PERMISSION_DENIED")
    assert_error(client.get(KEYS), 403, "PERMISSION_DENIED")
    assert_error(client.get(f"{KEYS}/{key.pk}"), 403, "PERMISSION_DENIED")
    assert client.get(METRICS).status_code == client.get(RULES).status_code == 200


@pytest.mark.parametrize("url", [METRICS, RULES, KEYS])
def test_strangers_get_nothing(api: Api, url: str) -> None:
    assert_error(api(None).get(url), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("url", "make"),
    [
        (METRICS, lambda: [Metric.objects.create(code=f"m{n}", name="M", unit="1") for n in range(5)]),
        (RULES, lambda: RuleFactory.create_batch(5)),
        (KEYS, lambda: [issue_key(equipment=EquipmentFactory.create_batch(2)) for _ in range(5)]),
    ],
)
def test_lists_cost_a_fixed_number_of_queries(
    api: Api, mona: User, django_assert_max_num_queries: Any, url: str, make: Callable[[], Any]
) -> None:
    made = make()
    client = api(mona)

    with django_assert_max_num_queries(4):
        assert len(client.get(url).json()["data"]) == 5
    record = made[0][0] if isinstance(made[0], tuple) else made[0]
    with django_assert_max_num_queries(5):
        client.get(f"{url}/{record.pk}")


def test_creating_a_rule_costs_few_queries(api: Api, mona: User, django_assert_max_num_queries: Any) -> None:
    body = rule_body(equipment_id=str(EquipmentFactory().pk))

    # savepoints of the request and of the model method are not counted against the budget of 8
    with django_assert_max_num_queries(13):
        assert api(mona).post(RULES, body).status_code == 201
    assert Rule.objects.count() == 1
