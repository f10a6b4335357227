"""A work order as a PDF: what was to do, what was done and found, what it took, how it looked, who signed.

The same data makes the same bytes. Pictures are embedded small, one after the other, so memory stays bounded.
"""

from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, Final
from zoneinfo import ZoneInfo

import segno
from django.conf import settings
from django.utils.translation import gettext as _
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Image, KeepTogether, SimpleDocTemplate, Spacer

from faultreporter.attachments.images import thumbnail
from faultreporter.attachments.models import Attachment
from workorders.models import WorkOrder, WorkOrderAttachment, WorkOrderRelation, WorkOrderTask
from workorders.models.signatures import digest_of
from workorders.report import paper
from workorders.report.paper import GREEN, GREY, HEADING, LABEL, RED, SMALL, TITLE, WIDTH, table, words

MOST_PHOTOS: Final = 60
MOST_TASK_PHOTOS: Final = 30
PHOTO_PIXELS: Final = 480
PHASES: Final = WorkOrderAttachment.Phase
COLOURS: Final = {"OK": GREEN, "FAILED": RED, "SKIPPED": GREY}


class Report:
    """One order on paper. `with_costs`: for those who may see what it cost."""

    def __init__(self, order: WorkOrder, *, with_costs: bool) -> None:
        self.order, self.with_costs = order, with_costs
        place = order.equipment.location
        self.line = place.line() if place else []
        self.zone = place.zone_info() if place else ZoneInfo(settings.TIME_ZONE)
        self.tasks = list(order.tasks.select_related("done_by", "attachment", "raised_order"))

    def bytes(self) -> bytes:
        paper.letters()
        target = BytesIO()
        document = SimpleDocTemplate(
            target, pagesize=A4, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm, bottomMargin=18 * mm,
            title=paper.printable(self.order.number), author="Fault Reporter", invariant=1,
        )  # fmt: skip
        story = [
            *self.head(), *self.text(_("Description"), self.order.description), *self.findings(), *self.checklist(),
            *self.effort(), *self.links(), *self.photos(), *self.signatures(),
        ]  # fmt: skip
        document.build(story, onFirstPage=self.foot, onLaterPages=self.foot)
        return target.getvalue()

    def foot(self, canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(paper.BODY, 7.5)
        canvas.setFillColor(GREY)
        canvas.drawString(18 * mm, 10 * mm, self.order.number)
        canvas.drawRightString(192 * mm, 10 * mm, str(document.page))
        canvas.restoreState()

    def when(self, at: datetime | None) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}" if at else ""

    def head(self) -> list[Any]:
        order, machine = self.order, self.order.equipment
        address = f"{settings.PUBLIC_URL.rstrip('/')}/admin/workorders/workorder/{order.pk}/change/"
        names = [
            words(order.number, LABEL),
            words(order.title, TITLE),
            words(f"{order.get_type_display()} · {order.get_priority_display()} · {order.get_status_display()}"),
        ]
        people = {"assigned": order.assigned_to, "done": order.completed_by}
        pairs = [
            (_("Machine"), f"{machine.equipment_code} {machine.equipment_name}"),
            (_("Place"), " › ".join(place.name for place in self.line)),
            (_("Raised"), self.when(order.created_at)),
            (_("Due"), self.when(order.due_at) + self.lateness()),
            (_("Assigned to"), people["assigned"] and str(people["assigned"])),
            (_("Started"), self.when(order.started_at)),
            (_("Completed"), self.when(order.completed_at)),
            (_("Completed by"), people["done"] and str(people["done"])),
            (_("Closed"), self.when(order.closed_at)),
            (_("Times are in"), str(self.zone)),
        ]
        return [table([[names, qr(address)]], [WIDTH - 28 * mm, 28 * mm]), Spacer(1, 4), paper.facts(pairs)]

    def lateness(self) -> str:
        order = self.order
        late = order.due_at is not None and order.completed_at is not None and order.completed_at > order.due_at
        return f" ({_('completed late')})" if late else ""

    def text(self, heading: str, text: str) -> list[Any]:
        return [words(heading, HEADING), *paper.prose(text)] if text else []

    def findings(self) -> list[Any]:
        order = self.order
        mode = order.failure_mode
        pairs = [(_("Failure mode"), mode and f"{mode.code} {mode.name}")]
        return [
            *self.text(_("What was done"), order.resolution),
            *([paper.facts(pairs)] if mode else []),
            *self.text(_("Cause"), order.cause),
            *self.text(_("Remedy"), order.remedy),
        ]

    def checklist(self) -> list[Any]:
        if not self.tasks:
            return []
        head = [words(text, LABEL) for text in ("", _("Task"), _("Result"), _("Note"), _("Done"))]
        rows = [head, *([*self.task_cells(task)] for task in self.tasks)]
        widths = [WIDTH * share for share in (0.05, 0.34, 0.17, 0.26, 0.18)]
        return [words(_("Tasks"), HEADING), table(rows, widths, head=True)]

    def task_cells(self, task: WorkOrderTask) -> list[Any]:
        result = task.get_outcome_display() if task.outcome else _("open")
        value = paper.clipped(f"{task.value} {task.unit}".strip())
        cells = [words(result, bold=True, colour=COLOURS.get(task.outcome, GREY)), *([words(value)] if value else [])]
        note = [words(paper.clipped(task.note))] if task.note else []
        if task.raised_order:
            note.append(words(_("Led to %(number)s") % {"number": task.raised_order.number}, SMALL))
        done = [words(task.done_by or "", SMALL), words(self.when(task.done_at), SMALL)] if task.done_at else []
        return [words(task.position, LABEL), [words(task.title), *self.limits(task)], cells, note, done]

    def limits(self, task: WorkOrderTask) -> list[Any]:
        bounds = [f"{limit.normalize():f}" if limit is not None else "…" for limit in (task.minimum, task.maximum)]
        return [words(f"{bounds[0]} – {bounds[1]} {task.unit}", SMALL)] if bounds != ["…", "…"] else []

    def effort(self) -> list[Any]:
        order = self.order
        pairs: list[tuple[str, Any]] = [(_("Labour"), hours(order.labour_minutes))]
        if self.with_costs:
            pairs += [
                (_("Labour cost"), self.money(order.labour_cost)),
                (_("Parts"), self.money(order.parts_cost)),
                (_("Other cost"), self.money(order.other_cost)),
                (_("Total"), self.money(order.total_cost)),
            ]
        rows = [[words(what), words(amount)] for what, amount in self.entries()]
        shown = [table(rows, [WIDTH * 0.8, WIDTH * 0.2])] if rows else []
        told = [paper.facts(pairs)] if any(value for _label, value in pairs) else []
        return [words(_("Effort"), HEADING), *told, *shown] if told or shown else []

    def entries(self) -> list[tuple[str, str]]:
        """Who worked how long, and which parts went in."""
        labour = self.order.labour.select_related("person").order_by("started_at", "created_at", "id")
        parts = self.order.part_uses.select_related("part").order_by("created_at", "id")
        return [(str(entry.person), hours(entry.minutes)) for entry in labour if entry.minutes] + [
            (str(use.part or use.description), f"{use.quantity.normalize():f} {use.part.unit if use.part else ''}")
            for use in parts
        ]

    def money(self, amount: Decimal | None) -> str:
        return "" if amount is None else f"{amount} {self.order.currency}"

    def links(self) -> list[Any]:
        from_both = [
            *self.order.relations.select_related("other"),
            *self.order.inverse_relations.select_related("order"),
        ]
        told = [relation.seen_from(self.order) for relation in from_both]
        rows = [words(f"{WorkOrderRelation.word(kind)} {other.number} {other.title}") for kind, other in told]
        return [words(_("Other orders"), HEADING), *rows] if rows else []

    def photos(self) -> list[Any]:
        images = [file for file in self.order.files if file.kind == Attachment.Kind.IMAGE]
        files: list[tuple[str, Attachment]] = [
            (str(phase.label), file)
            for phase in PHASES
            for file in reversed(images)
            if file.phase == phase  # type: ignore[attr-defined]  # an order's own files have one
        ]
        taken = {file.pk for file in images}
        of_tasks = [(task.title, task.attachment) for task in self.tasks if task.attachment]
        files += [(title, file) for title, file in of_tasks if file.pk not in taken][:MOST_TASK_PHOTOS]
        if not files:
            return []
        cells = [cell for label, file in files[:MOST_PHOTOS] if (cell := photo(label, file))]
        rows = [[*cells[n : n + 3], *[""] * (3 - len(cells[n : n + 3]))] for n in range(0, len(cells), 3)]
        grid = [table(rows, [WIDTH / 3] * 3)] if rows else []
        more = len(files) - MOST_PHOTOS
        rest = [words(_("%(count)d more in the record.") % {"count": more}, SMALL)] if more > 0 else []
        return [words(_("Photos"), HEADING), *grid, *rest]

    def signatures(self) -> list[Any]:
        signed = list(self.order.signatures.select_related("attachment"))
        if not signed:
            return []
        now = digest_of(self.order)
        blocks = [self.signature(one, matches=one.digest == now) for one in signed]
        note = _(
            "Drawn by hand on a phone; not a qualified electronic signature. The digest covers result, tasks and times."
        )
        return [KeepTogether([words(_("Signatures"), HEADING), *blocks[:1]]), *blocks[1:], words(note, SMALL)]

    def signature(self, one: Any, *, matches: bool) -> Any:
        lines = [
            words(f"{one.name} · {one.get_role_display()} · {self.when(one.signed_at)}"),
            words(f"SHA-256 {one.digest}", SMALL),
        ]
        if not matches:
            lines.append(words(_("The order was changed after this was signed."), colour=RED, bold=True))
        return table([[picture(one.attachment, 45 * mm, 20 * mm) or "", lines]], [50 * mm, WIDTH - 50 * mm])


def hours(minutes: int | None) -> str:
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes else ""


def qr(address: str) -> Image:
    target = BytesIO()
    segno.make(address, error="m").save(target, kind="png", scale=4, border=0)
    target.seek(0)
    return Image(target, width=24 * mm, height=24 * mm)


def photo(label: str, file: Attachment) -> list[Any] | None:
    shown = picture(file, WIDTH / 3 - 4 * mm, 60 * mm)
    return shown and [shown, words(paper.clipped(label, 60), paper.CENTRED)]


def picture(file: Attachment, width: float, height: float) -> Image | None:
    """The photograph, small, within these bounds; None if its file is gone."""
    try:
        with file.file.open("rb") as stored:
            small = thumbnail(stored.read(), PHOTO_PIXELS)
    except FileNotFoundError:
        return None
    image = Image(BytesIO(small))
    scale = min(width / image.imageWidth, height / image.imageHeight)
    image.drawWidth, image.drawHeight = image.imageWidth * scale, image.imageHeight * scale
    return image
