"""What a million tokens cost. A price has a first day; the next one follows it, and none that was used is changed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from aiassist.admin.money import UsdField, usd
from aiassist.models import AnalysisAttempt, ModelPrice
from aiassist.providers import registry
from faultreporter.backoffice import ModelAdmin, RecordForm, badge


def sellers() -> list[tuple[str, Any]]:
    return [(name, declaration.label) for name, declaration in registry.declared().items()]


class PriceForm(RecordForm):
    """Prices are typed as their makers publish them: US dollars a million tokens."""

    provider = forms.ChoiceField(label=_("Provider"), choices=sellers, widget=UnfoldAdminSelectWidget)
    input_micro_usd = UsdField(label=_("A million input tokens, USD"))
    cached_micro_usd = UsdField(
        label=_("A million cached input tokens, USD"), required=False, help_text=_("Empty: as much as other input.")
    )
    output_micro_usd = UsdField(
        label=_("A million output tokens, USD"), help_text=_("What a model thinks to itself counts as output.")
    )


@admin.register(ModelPrice)
class ModelPriceAdmin(ModelAdmin):
    form = PriceForm
    empty_note = _("Without a price a call's cost stays unknown. Add what the provider asks for a million tokens.")
    list_display = ("model_name", "provider_name", "valid_from", "standing", "input_usd", "cached_usd", "output_usd")
    list_filter = ("provider",)
    search_fields = ("model_name", "source")
    ordering = ("provider", "model_name", "-valid_from")
    fields = (
        ("provider", "model_name"), "valid_from", "input_micro_usd", "cached_micro_usd", "output_micro_usd", "source",
    )  # fmt: skip
    readonly_fields = ("next_price",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelPrice]:
        rows: QuerySet[ModelPrice] = super().get_queryset(request)
        of_the_model = ModelPrice.objects.filter(provider=OuterRef("provider"), model_name=OuterRef("model_name"))
        newer = of_the_model.filter(valid_from__gt=OuterRef("valid_from"), valid_from__lte=timezone.now().date())
        used = AnalysisAttempt.objects.filter(price=OuterRef("pk"))
        return rows.annotate(is_superseded=Exists(newer), is_used=Exists(used))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not self.is_used(obj) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not self.is_used(obj) and bool(super().has_delete_permission(request, obj))

    @staticmethod
    def is_used(price: Any) -> bool:
        """Whether a call was reckoned with it: then it stays as it was, or the ledger would no longer add up."""
        return price is not None and getattr(price, "is_used", False)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "next_price") if obj else self.fields

    @admin.display(description=_("another price"))
    def next_price(self, price: ModelPrice) -> SafeString:
        """A price that was used is looked at only; what follows it is a row of its own."""
        known = urlencode({"provider": price.provider, "model_name": price.model_name})
        reason = _("Calls were reckoned with this price, so it stays.") if self.is_used(price) else ""
        words = _("Add the price that follows it")
        url = f"{reverse('admin:aiassist_modelprice_add')}?{known}"
        return format_html('{} <a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', reason, url, words)

    @admin.display(description=_("provider"), ordering="provider")
    def provider_name(self, price: ModelPrice) -> str:
        return registry.label(price.provider)

    @admin.display(description=_("standing"))
    def standing(self, price: Any) -> str:
        if price.valid_from > timezone.now().date():
            return badge(_("Later"), "info")
        return badge(_("Superseded"), "") if price.is_superseded else badge(_("In force"), "success")

    @admin.display(description=_("input"), ordering="input_micro_usd")
    def input_usd(self, price: ModelPrice) -> str:
        return usd(price.input_micro_usd)

    @admin.display(description=_("cached input"))
    def cached_usd(self, price: ModelPrice) -> str:
        return usd(price.input_micro_usd if price.cached_micro_usd is None else price.cached_micro_usd)

    @admin.display(description=_("output"), ordering="output_micro_usd")
    def output_usd(self, price: ModelPrice) -> str:
        return usd(price.output_micro_usd)
