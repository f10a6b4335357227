"""The stream process itself: granian, Redis and PostgreSQL as in production, clients over HTTP."""

import socket
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import connection, transaction
from django.utils import timezone

from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import ApiToken, User
from faultreporter.api.renderers import to_json
from faultreporter.live import bus
from faultreporter.outbox.testing import deliver
from faultreporter.testing import assert_error
from faultreporter.tests.running import RunningStack, wait_for
from faultreporter.tests.streams import Client, StreamProcess, stream_process, token_of
from locations.models import SiteMembership
from locations.tests.factories import LocationFactory
from telemetry.intake.ingest import ingest
from telemetry.models import Series
from telemetry.tests.factories import MetricFactory, issue_key

pytestmark = [
    pytest.mark.stack,
    pytest.mark.xdist_group("stack"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("clean_redis"),
]


@pytest.fixture(scope="module")
def process(django_db_setup: None) -> Iterator[StreamProcess]:
    with stream_process(STREAM_RECHECK_SECONDS="1", STREAMS_PER_USER="3") as running:
        yield running


@pytest.fixture
def streams(process: StreamProcess, clean_redis: Any) -> Iterator[StreamProcess]:
    yield process
    process.close_clients()


@pytest.fixture
def pump() -> Any:
    MetricFactory()
    return EquipmentFactory()


def measure(machine: Any, *values: float) -> None:
    for value in values:
        ingest([{"equipment_id": str(machine.pk), "metric": "temperature", "value": value}], at=timezone.now())
        deliver()


def report(machine: Any, by: User, title: str = "It rattles") -> Alert:
    alert = AlertFactory(equipment=machine, title=title, reported_by=by)
    deliver()
    return alert


def values_of(client: Client) -> list[float]:
    return [reading["value"] for reading in client.next("reading").data["readings"]]


def test_it_works(streams: StreamProcess, pump: Any, tess: User) -> None:
    measure(pump, 20.0)
    client = streams.open(token_of(tess), equipment_id=str(pump.pk))

    assert client.answer.headers["Content-Type"] == "text/event-stream"
    assert client.answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert client.next("ping", "reading").name == "ping"
    snapshot = client.next("reading")
    assert snapshot.data["snapshot"] is True
    assert [one["value"] for one in snapshot.data["readings"]] == [20.0]
    measure(pump, 21.5)
    (reading,) = client.next("reading").data["readings"]
    assert (reading["metric"], reading["value"], reading["unit"]) == ("temperature", 21.5, "Cel")
    alert = report(pump, tess)
    event = client.next("alert")
    assert event.data["id"] == str(alert.pk)
    assert event.data["equipment"]["code"] == pump.equipment_code
    assert event.position


def test_somebody_who_comes_back_hears_what_was_missed_once(streams: StreamProcess, pump: Any, tess: User) -> None:
    token = token_of(tess)
    client = streams.open(token).opened()
    report(pump, tess, "First")
    seen = client.next("alert").position
    client.close()
    report(pump, tess, "Second")
    measure(pump, 33.0)

    again = streams.open(token, resume=seen)

    assert again.next("alert", "reset").data["title"] == "Second"
    assert values_of(again) == [33.0]
    report(pump, tess, "Third")
    assert again.next("alert", "reset").data["title"] == "Third"


@pytest.mark.parametrize("unknown", ["1-0", "9999999999999-0", "nonsense"])
def test_somebody_who_was_away_for_too_long_starts_anew(
    streams: StreamProcess, pump: Any, tess: User, clean_redis: Any, unknown: str
) -> None:
    report(pump, tess, "First")
    report(pump, tess, "Second")
    clean_redis.xtrim(bus.NEWS, maxlen=1, approximate=False)
    measure(pump, 20.0)

    client = streams.open(token_of(tess), resume=unknown)

    reset = client.next("alert", "reset")
    assert (reset.name, reset.data["reason"]) == ("reset", "UNKNOWN_POSITION")
    assert values_of(client) == [20.0]
    assert streams.open(token_of(tess), resume=reset.position).next("reset", "reading").name == "reading"


def test_nobody_has_more_streams_than_allowed(streams: StreamProcess, tess: User, rita: User) -> None:
    token = token_of(tess)
    clients = [streams.open(token).opened() for _ in range(3)]

    refused = streams.open(token)

    error = assert_error(refused.answer, 429, "TOO_MANY_STREAMS")
    assert error["meta"]["most"] == 3
    assert int(refused.answer.headers["Retry-After"]) > 0
    assert streams.open(token_of(rita)).status == 200
    clients[0].close()
    wait_for(lambda: streams.open(token).status == 200, "room for another stream", 10)


def test_a_client_that_does_not_read_keeps_nothing_but_the_latest(
    streams: StreamProcess, pump: Any, tess: User, rita: User
) -> None:
    measure(pump, 0.0)
    sleeper, reader = streams.open(token_of(tess)).opened(), streams.open(token_of(rita)).opened()
    long = "x" * 20_000

    for number in range(1, 601):  # 12 MB: more than the sockets hold
        bus.send_news(bus.Kind.ALERT, equipment_id=pump.pk, data=to_json({"id": number, "description": long}))
        if number % 50 == 0:
            assert [reader.next("alert").data["id"] for _ in range(50)][-1] == number
    measure(pump, 99.0)

    assert streams.metric("stream_news_dropped_total") > 200
    assert values_of(reader) == [99.0]
    events = [sleeper.next("alert", "reset").name for _ in range(50)]
    assert events == ["alert"] * 50
    assert next(event for event in sleeper.events if event.name == "reset").data["reason"] == "SLOW"
    assert values_of(sleeper) == [99.0]


def test_a_revoked_token_ends_its_stream(streams: StreamProcess, tess: User) -> None:
    token, plain = ApiToken.issue(user=tess, name="Screen")
    client = streams.open(plain).opened()

    token.revoke(by=tess, at=timezone.now())

    assert client.next("end").data["code"] == "TOKEN_REVOKED"
    assert next(client.events, None) is None
    assert_error(streams.open(plain).answer, 401, "TOKEN_REVOKED")


def test_a_token_that_runs_out_ends_its_stream(streams: StreamProcess, tess: User) -> None:
    _, plain = ApiToken.issue(user=tess, name="Screen", expires_at=timezone.now() + timedelta(seconds=2))

    assert streams.open(plain).opened().next("end").data["code"] == "TOKEN_EXPIRED"


def test_the_back_offices_session_will_do_until_it_ends(
    streams: StreamProcess, backoffice: Any, mona: User, settings: Any
) -> None:
    browser = backoffice(mona)
    cookies = {settings.SESSION_COOKIE_NAME: browser.cookies[settings.SESSION_COOKIE_NAME].value}
    page = settings.STREAM_PAGE_ORIGINS[0]
    answer = requests.get(streams.address, cookies=cookies, headers={"Origin": page}, stream=True, timeout=10)
    streams.clients.append(client := Client(answer))
    client.opened()

    browser.logout()

    assert answer.headers["Access-Control-Allow-Origin"] == page
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert client.next("end").data["code"] == "UNAUTHENTICATED"


def test_another_origin_gets_no_leave_to_use_the_session(streams: StreamProcess, tess: User) -> None:
    client = streams.open(token_of(tess), origin="https://elsewhere.example")

    assert "Access-Control-Allow-Origin" not in client.answer.headers


def test_a_device_key_opens_no_stream(streams: StreamProcess) -> None:
    _, plain = issue_key()

    answer = requests.get(streams.address, headers={"X-Device-Key": plain}, timeout=10)

    assert_error(answer, 401, "UNAUTHENTICATED")


def test_a_closed_site_is_heard_by_its_members_only(streams: StreamProcess, olga: User, mona: User, tess: User) -> None:
    hall = LocationFactory(kind="BUILDING", parent=LocationFactory(kind="SITE", open_to_all=False))
    SiteMembership.objects.create(site=hall.parent, user=tess)
    secret, plain = EquipmentFactory(location=hall), EquipmentFactory()
    MetricFactory()
    measure(secret, 1.0)
    outsider, member = streams.open(token_of(olga)).opened(), streams.open(token_of(tess), location_id=str(hall.pk))
    assert values_of(member) == [1.0]

    measure(secret, 2.0)
    report(secret, mona, "Secret")
    measure(plain, 3.0)
    report(plain, mona, "Plain")

    assert values_of(member) == [2.0]
    assert member.next("alert").data["title"] == "Secret"
    assert values_of(outsider) == [3.0]
    assert outsider.next("alert").data["title"] == "Plain"
    assert_error(streams.open(token_of(olga), location_id=str(hall.pk)).answer, 404, "NOT_FOUND")


def test_who_is_taken_off_a_site_hears_no_more_of_it(streams: StreamProcess, tess: User, mona: User) -> None:
    site = LocationFactory(kind="SITE", open_to_all=False)
    member = SiteMembership.objects.create(site=site, user=tess)
    machine, elsewhere = EquipmentFactory(location=site), EquipmentFactory()
    client = streams.open(token_of(tess)).opened()
    report(machine, mona, "Before")
    assert client.next("alert").data["title"] == "Before"

    member.delete()
    time.sleep(2.5)
    report(machine, mona, "Hidden")
    report(elsewhere, mona, "After")

    assert client.next("alert").data["title"] == "After"


def test_filters(streams: StreamProcess, pump: Any, mona: User) -> None:
    token, other = token_of(mona), EquipmentFactory()
    measure(pump, 1.0)
    measure(other, 2.0)
    series = Series.objects.get(equipment=pump)

    by_machine = streams.open(token, equipment_id=f"{pump.pk},{uuid.uuid4()}", kinds="ALERT,reading")
    by_series = streams.open(token, series_id=str(series.pk))

    assert values_of(by_machine) == values_of(by_series) == [1.0]
    report(other, mona, "Other")
    report(pump, mona, "Pump")
    assert by_machine.next("alert").data["title"] == by_series.next("alert").data["title"] == "Pump"
    assert_error(streams.open(token, machine="1").answer, 400, "INVALID_PARAMETER", "machine")
    assert_error(streams.open(token, kinds="weather").answer, 400, "INVALID_PARAMETER", "kinds")
    assert_error(streams.open(token, series_id="1,x").answer, 400, "INVALID_PARAMETER", "series_id")


def test_a_stopping_process_says_goodbye_and_ends(tess: User, rita: User) -> None:
    with stream_process() as streams:
        clients = [streams.open(token_of(person)).opened() for person in (tess, rita)]

        seconds = streams.stop()

        assert [client.next("end").data["code"] for client in clients] == ["SERVICE_UNAVAILABLE"] * 2
        assert all(next(client.events, None) is None for client in clients)
        assert streams.process.returncode == 0
        assert seconds < 4


def test_who_leaves_before_being_let_in_leaves_no_stream_behind(streams: StreamProcess, tess: User) -> None:
    head = f"GET /api/v1/iot-data/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token_of(tess)}\r\n\r\n"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE iot_latest")  # which every stream looks at before it begins
        with socket.create_connection(("127.0.0.1", streams.port)) as impatient:
            impatient.sendall(head.encode())
            time.sleep(0.5)
        time.sleep(0.5)
    time.sleep(1)

    assert streams.metric("streams_open") == 0


def test_many_who_leave_at_once_leave_no_stream_and_a_process_that_answers(streams: StreamProcess, tess: User) -> None:
    head = f"GET /api/v1/iot-data/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token_of(tess)}\r\n\r\n"

    for number in range(300):
        with socket.create_connection(("127.0.0.1", streams.port)) as impatient:
            impatient.sendall(head.encode())
            time.sleep(number % 30 / 1000)

    wait_for(lambda: streams.metric("streams_open") == 0, "the end of the last stream", 20)
    assert streams.open(token_of(tess)).opened().status == 200


BUSY_SQL = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state <> 'idle' AND backend_type = 'client backend'"""


def test_an_open_stream_holds_no_connection_to_the_database(streams: StreamProcess, tess: User, rita: User) -> None:
    clients = [streams.open(token_of(person)).opened() for person in (tess, rita, tess, rita, tess, rita)]

    with connection.cursor() as cursor:
        for _ in range(50):  # the last one let in may not have handed its connection back yet
            cursor.execute(BUSY_SQL)
            busy = cursor.fetchone()[0]
            if busy == 1:
                break
            time.sleep(0.1)

    assert [client.status for client in clients] == [200] * 6
    assert busy == 1  # this very question


def test_readings_come_again_after_a_restart_of_redis(stack: RunningStack) -> None:
    """Valkey is killed under an open stream; the supervisor starts another one, and nobody opens a stream anew."""
    machine = stack.data("/equipment?page_size=1")[0]["id"]
    address = f"{stack.data('/meta/config')['stream_url']}?equipment_id={machine}"
    headers = {"Authorization": f"Bearer {stack.token('MANAGER')}"}
    client = Client(requests.get(address, headers=headers, stream=True, timeout=60)).opened()

    stack.kill("valkey")
    title = f"While Redis is away {uuid.uuid4()}"
    wait_for(lambda: report_to(stack, machine, title), "an accepted report")

    assert next(one for one in client.events if one.name == "alert" and one.data["title"] == title)
    client.close()


def report_to(stack: RunningStack, machine: str, title: str) -> bool:
    return bool(stack.call("POST", "/alerts", {"equipment_id": machine, "title": title}).status_code == 201)


class TestTheWebProcess:
    def test_it_says_where_streams_are(self, api: Any, tess: User, settings: Any) -> None:
        settings.STREAM_URL = "https://streams.example.org"

        error = assert_error(api(tess).get("/api/v1/iot-data/stream"), 421, "STREAM_ELSEWHERE")

        address = "https://streams.example.org/api/v1/iot-data/stream"
        assert error["meta"]["stream_url"] == address
        assert api(None).get("/api/v1/meta/config").json()["data"]["stream_url"] == address
