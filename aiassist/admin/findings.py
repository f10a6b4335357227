"""An analysis as its page shows it: photographs with the regions drawn on them, issues, what each rests on."""

from collections.abc import Iterable
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from aiassist.admin.evidence import Found, links_of
from aiassist.answer import ReviewReason
from aiassist.drafts import KINDS
from aiassist.models import Analysis
from equipment.models import FailureMode
from faultreporter.accounts.models import User
from faultreporter.backoffice import SEVERITY_COLOURS, badge

Data = dict[str, Any]

REASONS: Final[dict[str, Any]] = {
    ReviewReason.LOW_CONFIDENCE: _("Low confidence"),
    ReviewReason.NOT_ASSESSABLE: _("The photo doesn't show enough"),
    ReviewReason.SAFETY: _("Somebody could get hurt"),
    ReviewReason.MILDER_THAN_ALERT: _("Milder than the alert says"),
    ReviewReason.INSTRUCTIONS_FOUND: _("The photo or the text carries instructions"),
    ReviewReason.POOR_IMAGE: _("The photo is poor"),
    ReviewReason.PHOTO_NOT_EXAMINED: _("Nobody looked at the photo"),
    ReviewReason.UNSUPPORTED: _("What it rests on could not be found"),
    ReviewReason.UNSUPPORTED_NUMBER: _("It says a number that the facts don't have"),
    ReviewReason.REFUSED: _("The provider refused to answer"),
}
QUALITIES: Final[dict[str, Any]] = {
    "GOOD": _("The photo is good."),
    "FAIR": _("The photo is fair."),
    "POOR": _("The photo is poor."),
    "NOT_EXAMINED": _("Nobody looked at the photo: this answer rests on words, readings and history."),
}


def reasons_in_words(analysis: Analysis) -> list[str]:
    return [str(REASONS.get(reason, reason)) for reason in analysis.review_reasons]


def finding_of(analysis: Analysis, user: User) -> Data:
    """What `templates/admin/aiassist/finding.html` shows."""
    answer: Data = analysis.result or {}
    issues = issues_of(answer.get("issues", ()), analysis, user)
    return {
        "photos": photos_of(analysis, issues),
        "issues": issues,
        "answer": answer,
        "quality": QUALITIES.get(answer.get("image_quality", "")),
        "steps": [{**step, "badge": severity(step["priority"])} for step in answer.get("recommendations", ())],
        "reasons": reasons_in_words(analysis),
    }


def photos_of(analysis: Analysis, issues: list[Data]) -> list[Data]:
    rows = analysis.image_rows.select_related("attachment")
    return [
        {
            "number": row.position + 1,
            "name": row.attachment.original_name,
            "url": reverse("admin:attachments_attachment_file", args=[row.attachment_id]),
            "width": row.attachment.width,
            "height": row.attachment.height,
            "regions": [issue for issue in issues if issue["region"] and issue["photo"] == row.position + 1],
        }
        for row in rows
    ]


def issues_of(issues: Iterable[Data], analysis: Analysis, user: User) -> list[Data]:
    issues = list(issues)
    links = links_of([piece for issue in issues for piece in issue["evidence"]], analysis, user)
    names = mode_names(analysis, {issue["failure_mode"] for issue in issues} - {None})
    return [
        {
            **issue,
            "number": number,
            "mode": names.get(issue["failure_mode"], issue["failure_mode"]),
            "badge": severity(issue["severity"]),
            "percent": f"{issue['confidence']:.0%}",
            "photo": None if issue["image_index"] is None else issue["image_index"] + 1,
            "region": issue["region"] and in_percent(issue["region"]),
            "evidence": [cited(piece, links.get(piece["kind"], {}), issue, number) for piece in issue["evidence"]],
        }
        for number, issue in enumerate(issues, start=1)
    ]


def cited(piece: Data, found: Found, issue: Data, number: int) -> Data:
    url, name = found.get(piece["reference"] or "", ("", ""))
    if piece["kind"] == "PHOTO" and issue["image_index"] is not None:
        url = f"#region-{number}" if issue["region"] else f"#photo-{issue['image_index'] + 1}"
        name = str(_("see the photo"))
    return {"kind": KINDS.get(piece["kind"], piece["kind"]), "text": piece["text"], "url": url, "name": name}


def in_percent(region: dict[str, float]) -> dict[str, str]:
    """Of the photograph's width and height, cut off at its edges; SVG takes them as they are, whatever the size."""
    width, height = min(region["width"], 1 - region["x"]), min(region["height"], 1 - region["y"])
    shares = {"x": region["x"], "y": region["y"], "width": width, "height": height}
    return {name: f"{share:.2%}" for name, share in shares.items()}


def mode_names(analysis: Analysis, codes: set[str]) -> dict[str, str]:
    category = analysis.equipment.category_id if analysis.equipment else None
    modes = FailureMode.objects.living().applicable_to(category).filter(code__in=codes)
    return dict(modes.values_list("code", "name"))


def severity(name: str) -> str:
    return badge(Analysis.Severity(name).label, SEVERITY_COLOURS[name])
