"""What the buttons about hours, parts, costs and findings ask for."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from alerts.backoffice import MoveForm
from equipment.models import FailureCause, FailureMechanism, FailureMode, Remedy, StatusInterval
from faultreporter.accounts.models import User
from workorders.models import CostEntry, LabourEntry, Part, WorkOrder
from workorders.models.findings import CODES


def amount(label: Any, *, required: bool = False, places: int = 2) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=required, min_value=0, max_digits=12, decimal_places=places,
        widget=UnfoldAdminDecimalFieldWidget,
    )  # fmt: skip


def line(label: Any, *, required: bool = False, longest: int = 10_000) -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=longest, widget=UnfoldAdminTextInputWidget)


def text(label: Any, *, required: bool = True) -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=10_000, widget=UnfoldAdminTextareaWidget)


def choice(label: Any, choices: Any, *, required: bool = True) -> forms.ChoiceField:
    options = choices if required else [("", "–"), *choices]
    return forms.ChoiceField(label=label, required=required, choices=options, widget=UnfoldAdminSelectWidget)


def one_of(label: Any, model: Any, *, required: bool = False, **more: Any) -> forms.ModelChoiceField[Any]:
    return forms.ModelChoiceField(
        label=label, required=required, queryset=model.objects.none(), widget=UnfoldAdminSelectWidget, **more
    )


def moment(label: Any, **more: Any) -> forms.SplitDateTimeField:
    return forms.SplitDateTimeField(label=label, required=False, widget=UnfoldAdminSplitDateTimeWidget, **more)


class FindingsForm(MoveForm):
    """What was found. Filled in with what was said before."""

    failure_mode = one_of(_("Failure mode"), FailureMode)
    failure_mechanism = one_of(_("Failure mechanism"), FailureMechanism)
    failure_cause = one_of(_("Failure cause"), FailureCause)
    remedy_action = one_of(_("What was done, coded"), Remedy)
    no_failure_found = forms.BooleanField(label=_("No failure found"), required=False, widget=UnfoldBooleanSwitchWidget)
    cause = line(_("Cause in words"))
    remedy = line(_("Remedy in words"))

    def __init__(self, *args: Any, record: WorkOrder, **kwargs: Any) -> None:
        said = {name: getattr(record, name) for name in (*CODES, "no_failure_found", "cause", "remedy")}
        super().__init__(*args, record=record, initial=said, **kwargs)
        fields: Any = self.fields
        modes = FailureMode.objects.living().applicable_to(record.equipment.category_id)
        fields["failure_mode"].queryset = modes.order_by("code")
        for name, model in (
            ("failure_mechanism", FailureMechanism), ("failure_cause", FailureCause), ("remedy_action", Remedy),
        ):  # fmt: skip
            fields[name].queryset = model._default_manager.offered().order_by("name")


class CompleteForm(FindingsForm):
    resolution = text(_("What was done"))
    restored_at = moment(_("The machine ran again"), help_text=_("If before now."))
    exclusion_reason = choice(_("Its standstill was no failure"), StatusInterval.Exclusion.choices, required=False)
    labour_minutes = forms.IntegerField(
        label=_("Labour in minutes"), required=False, min_value=0, widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Of the whole order; what the entries don't explain becomes one."),
    )  # fmt: skip
    labour_cost = amount(_("Labour cost"))
    parts_cost = amount(_("Cost of parts"))
    other_cost = amount(_("Other cost"))

    field_order = ("resolution",)


class CloseForm(FindingsForm):
    note = text(_("Note"), required=False)


class LabourForm(MoveForm):
    person = one_of(_("Who"), User, required=True)
    kind = choice(_("Kind"), LabourEntry.Kind.choices)
    minutes = forms.IntegerField(
        label=_("Minutes"), required=False, min_value=0, widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Or from when to when."),
    )  # fmt: skip
    started_at = moment(_("From"))
    ended_at = moment(_("To"))
    note = text(_("Note"), required=False)

    def __init__(self, *args: Any, record: WorkOrder, **kwargs: Any) -> None:
        super().__init__(*args, record=record, initial={"person": record.assigned_to}, **kwargs)
        people: Any = self.fields["person"]
        people.queryset = User.objects.active().filter(role__in=WorkOrder.ASSIGNEES).order_by("display_name")


class PartForm(MoveForm):
    part = one_of(_("Part"), Part, help_text=_("Empty: something that isn't in the catalogue."))
    description = line(_("or what it was"), longest=200)
    quantity = amount(_("Quantity"), required=True, places=3)
    unit_cost = amount(_("Unit cost"))
    from_stock = choice(
        _("From stock?"), [("", _("If a part is named")), ("yes", _("Yes")), ("no", _("No, bought for the job"))],
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["part"].queryset = Part.objects.living().order_by("number")
        fields["from_stock"].required = False

    def said(self) -> dict[str, Any]:
        said = super().said()
        return {**said, "from_stock": said["from_stock"] == "yes"} if "from_stock" in said else said


class CostForm(MoveForm):
    kind = choice(_("Kind"), CostEntry.Kind.choices)
    description = line(_("Description"), required=True, longest=200)
    amount = amount(_("Amount"), required=True)
    supplier = line(_("Supplier"), longest=200)
    invoice_number = line(_("Invoice number"), longest=100)


class DowntimeForm(MoveForm):
    exclusion_reason = choice(
        _("Does it count as a failure?"), [("", _("Yes, it was a failure")), *StatusInterval.Exclusion.choices]
    )
    reason = text(_("Why"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["exclusion_reason"].required = False

    def said(self) -> dict[str, Any]:
        return {"exclusion_reason": "", **super().said()}


class ReceiveForm(MoveForm):
    quantity = amount(_("How many came"), required=True, places=3)
    unit_cost = amount(_("What one costs now"))
    reason = line(_("Delivery or reason"))


class CorrectForm(MoveForm):
    stock = amount(_("How many were counted"), required=True, places=3)
    reason = text(_("Why"))
