"""The report on paper: complete, bounded, and unimpressed by what people write."""

import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from workorders.models import WorkOrder, WorkOrderSignature
from workorders.report import report_of
from workorders.report.paper import printable
from workorders.tests.checklists import task_on
from workorders.tests.factories import WorkOrderFactory, move, order_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(tess: User) -> WorkOrder:
    order = order_in("IN_PROGRESS", by=tess, description="Grinds at the motor end.", labour_cost="99.10")
    order.attach([make_attachment(by=tess)], by=tess, at=timezone.now(), phase="BEFORE")
    order.attach([make_attachment(by=tess)], by=tess, at=timezone.now(), phase="AFTER")
    task_on(order, title="Pressure", kind="NUMBER", unit="bar", maximum=6).complete(
        by=tess, at=timezone.now(), value="7.5", note="Above the mark"
    )
    move(order, "complete", by=tess)
    WorkOrderSignature.add(
        work_order=order, role="TECHNICIAN", name="Tess", attachment=make_attachment(by=tess), by=tess,
        at=timezone.now(),
    )  # fmt: skip
    return WorkOrder.objects.get(pk=order.pk)


def fresh(order: WorkOrder) -> WorkOrder:
    return WorkOrder.objects.get(pk=order.pk)


def text_of(content: bytes, tmp_path: Path) -> str:
    """What a reader finds in it, by poppler; the tests that need it are skipped where that isn't installed."""
    (tmp_path / "report.pdf").write_bytes(content)
    try:
        found = subprocess.run(["pdftotext", "-layout", tmp_path / "report.pdf", "-"], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("poppler is not installed")
    return found.stdout.decode()


def test_it_works(order: WorkOrder, api: Any, tess: User) -> None:
    answer = api(tess).get(f"/api/v1/work-orders/{order.pk}/report.pdf")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == f'attachment; filename="{order.number}.pdf"'
    assert answer.content.startswith(b"%PDF-")


def test_the_same_order_makes_the_same_bytes(order: WorkOrder) -> None:
    assert report_of(fresh(order), with_costs=True) == report_of(fresh(order), with_costs=True)


def test_it_tells_the_whole_story(order: WorkOrder, tmp_path: Path) -> None:
    told = text_of(report_of(order, with_costs=True), tmp_path)

    expected = "Bearing replaced|7.5 bar|Failed|Before the work|After the work|99.10|Tess · Technician|SHA-256"
    for words in (order.number, order.equipment.equipment_code, *expected.split("|")):
        assert words in told, words
    assert "changed after" not in told


def test_costs_are_for_managers(order: WorkOrder, api: Any, tess: User, mona: User, tmp_path: Path) -> None:
    url = f"/api/v1/work-orders/{order.pk}/report.pdf"

    assert "99.10" not in text_of(api(tess).get(url).content, tmp_path)
    assert "99.10" in text_of(api(mona).get(url).content, tmp_path)


def test_a_change_after_the_signature_shows(order: WorkOrder, tmp_path: Path) -> None:
    WorkOrder.objects.filter(pk=order.pk).update(resolution="Nothing was done")

    assert "changed after this was signed" in text_of(report_of(fresh(order), with_costs=False), tmp_path)


@pytest.mark.parametrize(
    "words", ["Подшипник заменён", "Ρουλεμάν άλλαξε", "Kugellager getauscht, größer: żółć ěščř ő", "½ µm ≤ 5 °C"]
)
def test_other_alphabets_are_printed(words: str, tess: User, tmp_path: Path) -> None:
    assert printable(words) == words
    assert words in text_of(report_of(WorkOrderFactory.create(title=words), with_costs=False), tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        "<b>bold</b> & <para><img src='http://evil.example/x.png'/>",
        "x" * 10_000,
        "word " * 2_000,
        "\n" * 9_000,
        "اختبار שלום",
        "漢字 😀 \u202e drawkcab",
    ],
    ids=["markup", "one word", "many words", "lines", "right to left", "not in the font"],
)
def test_whatever_people_write_is_text(words: str, order: WorkOrder, tess: User, tmp_path: Path) -> None:
    WorkOrder.objects.filter(pk=order.pk).update(description=words, resolution=words, cause=words, title=words[:200])
    order.tasks.update(note=words, title=words[:200])

    told = text_of(report_of(fresh(order), with_costs=True), tmp_path)

    assert order.number in told
    if "img" in words:
        assert "<img src=" in told


def test_fifty_photos_stay_small(tess: User) -> None:
    order = WorkOrderFactory.create()
    for _ in range(50):
        order.attach([make_attachment(by=tess)], by=tess, at=timezone.now(), phase="AFTER")

    tracemalloc.start()
    content = report_of(fresh(order), with_costs=False)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(content) < 4_000_000
    assert peak < 60_000_000
