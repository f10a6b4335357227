"""Handbooks: uploaded, read in the background, searched, and never able to hurt the worker."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiassist import manual_reading, manual_search, sandbox
from aiassist.models import Manual, ManualPage, ManualWord
from aiassist.tasks import read_manual, sweep_manuals
from aiassist.tests import papers
from aiassist.tests.factories import make_manual
from equipment.tests.factories import CategoryFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.outbox.models import OutboxMessage
from faultreporter.outbox.testing import deliver
from faultreporter.testing import assert_error

pytestmark = pytest.mark.django_db
URL = "/api/v1/ai/manuals"


def body(content: bytes | None = None, **changes: Any) -> dict[str, Any]:
    content = papers.pdf("Grease the bearing", "Check the oil") if content is None else content
    paper = make_attachment(name="handbook.pdf", content=content)
    category = CategoryFactory.create(code="CHILLER")
    return {"category_id": str(category.pk), "title": "Chiller handbook", "attachment_id": str(paper.pk)} | changes


def waiting(content: bytes) -> Manual:
    paper = make_attachment(name="handbook.pdf", content=content)
    return Manual.add(by=None, category=CategoryFactory.create(), title="Handbook", attachment=paper)


def read(manual: Manual) -> Manual:
    read_manual(manual_id=str(manual.pk))
    manual.refresh_from_db()
    return manual


# The API -------------------------------------------------------------------------------------------------------------


def test_a_manual_is_added_and_its_pages_are_read(api: Any, mona: User) -> None:
    answer = api(mona).post(URL, body(manufacturer="Carrier", model="30XA"))

    made = answer.json()["data"]
    assert answer.status_code == 201, made
    assert answer["Location"] == f"{URL}/{made['id']}"
    assert (made["status"], made["page_count"], made["failure"]) == ("PENDING", None, "")
    assert "aiassist.tasks.read_manual" in deliver()
    seen = api(mona).get(f"{URL}/{made['id']}").json()["data"]
    assert (seen["status"], seen["page_count"]) == ("READY", 2)
    assert list(ManualPage.objects.values_list("number", "text")) == [(1, "Grease the bearing"), (2, "Check the oil")]


def test_only_a_pdf_is_a_manual(api: Any, mona: User) -> None:
    photo = make_attachment()

    assert_error(api(mona).post(URL, body(attachment_id=str(photo.pk))), 400, "VALIDATION_ERROR", "attachment_id")


def test_two_manuals_of_a_kind_have_different_titles(api: Any, mona: User) -> None:
    asked = body()
    api(mona).post(URL, asked)

    assert_error(api(mona).post(URL, asked), 409, "DUPLICATE")


def test_what_it_is_about_can_be_corrected_and_its_file_cannot(api: Any, mona: User) -> None:
    manual = make_manual()

    answer = api(mona).patch(f"{URL}/{manual.pk}", {"manufacturer": "Trane"})

    assert answer.json()["data"]["manufacturer"] == "Trane"
    assert answer.json()["data"]["status"] == "READY"
    other = str(make_attachment(name="x.pdf", content=papers.pdf("x")).pk)
    assert_error(api(mona).patch(f"{URL}/{manual.pk}", {"attachment_id": other}), 400, "UNKNOWN_FIELD")


def test_a_deleted_manual_is_found_no_more(api: Any, mona: User) -> None:
    manual = make_manual("Grease the bearing")

    assert api(mona).delete(f"{URL}/{manual.pk}").status_code == 204

    assert_error(api(mona).get(f"{URL}/{manual.pk}"), 404, "NOT_FOUND")
    assert found(api(mona), manual, "bearing") == []


def test_who_handles_faults_reads_and_managers_write(api: Any, tess: User, rita: User) -> None:
    manual = make_manual()

    assert api(tess).get(URL).json()["data"][0]["id"] == str(manual.pk)
    assert_error(api(tess).delete(f"{URL}/{manual.pk}"), 403, "PERMISSION_DENIED")
    assert_error(api(tess).post(URL, body()), 403, "PERMISSION_DENIED")
    assert_error(api(rita).get(URL), 403, "PERMISSION_DENIED")


def test_budgets_of_queries(api: Any, mona: User, django_assert_max_num_queries: Any) -> None:
    manual = make_manual()
    asked = body(title="Another")
    with django_assert_max_num_queries(4):
        assert api(mona).get(URL).status_code == 200
    with django_assert_max_num_queries(5):
        assert api(mona).get(f"{URL}/{manual.pk}").status_code == 200
    with CaptureQueriesContext(connection) as seen:
        assert api(mona).post(URL, asked).status_code == 201
    assert len([query for query in seen.captured_queries if "SAVEPOINT" not in query["sql"]]) <= 8


# Reading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (papers.scanned(), "probably scans"),
        (papers.pdf("secret", password="x"), "password"),
        (b"%PDF-1.4\nnothing of the kind\n%%EOF\n", "damaged"),
    ],
    ids=["scanned", "encrypted", "damaged"],
)
def test_what_cannot_be_read_says_why_in_words(content: bytes, words: str) -> None:
    manual = read(waiting(content))

    assert (manual.status, manual.page_count) == ("FAILED", None)
    assert words in manual.failure
    assert not manual.pages.exists()


def test_a_paper_that_never_ends_is_stopped() -> None:
    started = time.monotonic()

    with pytest.raises(sandbox.ReadingFailed, match="TIME"):
        sandbox.page_texts(papers.endless(), longest_page=20_000, seconds=3)

    assert time.monotonic() - started < 8


def test_a_paper_that_grows_is_stopped_and_says_so() -> None:
    manual = read(waiting(papers.bloated()))

    assert manual.status == "FAILED"
    assert "memory" in manual.failure


@pytest.mark.parametrize("reason", manual_reading.REASONS)
def test_every_reason_is_a_sentence(reason: str) -> None:
    assert manual_reading.in_words(reason).endswith(".")
    assert "%" not in manual_reading.in_words(reason)


def test_a_paper_of_too_many_pages_is_refused() -> None:
    with pytest.raises(sandbox.ReadingFailed, match="TOO_MANY_PAGES"):
        sandbox.page_texts(papers.with_content(b"BT ET", pages=sandbox.MOST_PAGES + 1), longest_page=20_000)


def test_a_page_of_a_novel_is_cut() -> None:
    long = "\n".join("word " * 12 for _ in range(40))

    (text,) = sandbox.page_texts(papers.pdf(long), longest_page=100)

    assert len(text) == 100


def test_reading_twice_changes_nothing() -> None:
    manual = read(waiting(papers.pdf("Grease the bearing")))
    before = list(manual.pages.values_list("pk", flat=True))

    read(manual)
    manual.keep(["Somebody else was quicker"])

    assert list(manual.pages.values_list("pk", flat=True)) == before


def test_a_missing_file_is_said() -> None:
    manual = waiting(papers.pdf("Grease the bearing"))
    manual.attachment.file.storage.delete(manual.attachment.file.name)

    assert "missing" in read(manual).failure


def test_a_lost_message_is_found_again() -> None:
    manual = waiting(papers.pdf("Grease the bearing"))
    OutboxMessage.objects.all().delete()
    assert sweep_manuals() == 0
    Manual.objects.filter(pk=manual.pk).update(updated_at=timezone.now() - timedelta(minutes=6))

    assert sweep_manuals() == 1
    assert sweep_manuals() == 0

    deliver()
    manual.refresh_from_db()
    assert manual.status == "READY"


def test_a_failed_one_is_read_again_on_request(backoffice: Any, adam: User) -> None:
    manual = read(waiting(papers.scanned()))

    page = "/admin/aiassist/manual/"
    answer = backoffice(adam).post(page, {"action": "read_again", "_selected_action": [str(manual.pk)]}, follow=True)

    assert "1 record was changed" in answer.content.decode()
    manual.refresh_from_db()
    assert (manual.status, manual.failure) == ("PENDING", "")
    refused = backoffice(adam).post(page, {"action": "read_again", "_selected_action": [str(manual.pk)]}, follow=True)
    assert "Only a manual that could not be read" in refused.content.decode()


def test_a_manual_is_added_in_the_back_office(backoffice: Any, adam: User) -> None:
    asked = body()
    names = {"category": asked["category_id"], "attachment": asked["attachment_id"]}
    form = {**names, "title": "Handbook", "manufacturer": "", "model": ""}

    answer = backoffice(adam).post("/admin/aiassist/manual/add/", form)

    assert answer.status_code == 302, answer.content.decode()
    deliver()
    assert Manual.objects.get().status == "READY"


def test_words_that_the_database_cannot_store_are_left_out() -> None:
    manual = waiting(papers.pdf("x"))

    manual.keep([manual_reading.storable("a\x00b\ud800c")])

    assert manual.pages.get().text == "abc"


# Searching -----------------------------------------------------------------------------------------------------------


def found(client: Any, manual: Manual, words: str, **more: str) -> list[tuple[str, str]]:
    answer = client.get(f"{URL}/search", {"category_id": str(manual.category_id), "q": words, **more})
    assert answer.status_code == 200, answer.json()
    return [(hit["reference"], hit["excerpt"]) for hit in answer.json()["data"]]


def test_the_best_page_comes_first_with_what_it_says(api: Any, tess: User) -> None:
    long = "Introduction and legal notices. " * 80
    manual = make_manual(
        "Colours of the housing", f"{long}When the bearing is grinding, grease it. {long}", "The bearing"
    )

    hits = found(api(tess), manual, "It hums and grinds, perhaps a bearing")

    assert [reference for reference, _ in hits] == [f"{manual.pk}#2", f"{manual.pk}#3"]
    assert "bearing is grinding, grease it" in hits[0][1]
    assert len(hits[0][1]) < 1500


@pytest.mark.parametrize("misspelt", ["vibraton", "vibratoin", "wibration", "vibrations"])
def test_a_misspelt_word_finds_what_it_looks_like(api: Any, tess: User, misspelt: str) -> None:
    manual = make_manual("Nothing to see", "Strong vibration of the fan", "Compressor")

    assert [reference for reference, _ in found(api(tess), manual, misspelt)] == [f"{manual.pk}#2"]


def test_other_kinds_of_machines_are_left_out(api: Any, tess: User) -> None:
    lift = make_manual("The bearing of the lift")
    chiller = make_manual("The bearing of the chiller")

    assert [reference for reference, _ in found(api(tess), chiller, "bearing lift")] == [f"{chiller.pk}#1"]
    assert lift.category_id != chiller.category_id


def test_other_makes_and_models_are_left_out(api: Any, tess: User) -> None:
    category = CategoryFactory.create()
    any_make = make_manual("bearing", category=category, title="All")
    trane = make_manual("bearing", category=category, title="Trane", manufacturer="Trane")
    exact = make_manual("bearing", category=category, title="30XA", manufacturer="Carrier", model="30XA")

    hits = found(api(tess), any_make, "bearing", manufacturer="carrier", model="30xa")

    assert {reference for reference, _ in hits} == {f"{any_make.pk}#1", f"{exact.pk}#1"}
    assert len(found(api(tess), trane, "bearing")) == 3


@pytest.mark.parametrize(
    "words", ["the and of", "!!! ???", "' OR 1=1 --", "bearing & | ! ( :*", "x" * 1000, "\u202e\u0301"]
)
def test_strange_words_find_nothing_or_something_but_break_nothing(api: Any, tess: User, words: str) -> None:
    found(api(tess), make_manual("The housing"), words)


def test_a_search_names_a_kind_and_words(api: Any, tess: User) -> None:
    assert_error(api(tess).get(f"{URL}/search", {"q": "x"}), 400, "VALIDATION_ERROR", "category_id")


def test_a_search_of_thousands_of_pages_uses_the_indexes() -> None:
    category = CategoryFactory.create()
    letters = str.maketrans("0123456789", "abcdefghij")
    words = [f"filler{number}".translate(letters) for number in range(5000)]
    filler = [" ".join(words[(page * 37 + at) % 5000] for at in range(300)) for page in range(3000)]
    make_manual(*filler, "Strong vibration of the fan means a worn bearing", category=category)
    other = make_manual(title="Another")
    ManualWord.objects.bulk_create(ManualWord(manual=other, text=f"x{word}{n}") for word in words for n in range(8))
    manuals = Manual.objects.readable().about(category=category)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ai_manuals, ai_manual_pages, ai_manual_words")

    with CaptureQueriesContext(connection) as seen:
        hits = manual_search.search(manuals, "vibraton of the fan", most=3)

    assert hits[0].page == 3001
    assert len(seen) == 4  # the manuals, the misspelt words, the pages, their excerpts
    for query in seen.captured_queries[1:3]:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on ai_manual" not in plan
        assert "idx_ai_manual_" in plan
