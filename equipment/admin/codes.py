"""The general catalogues that findings are coded with."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from equipment.admin.catalogue import CatalogueAdmin
from equipment.models import FailureCause, FailureMechanism, Remedy


class CodeAdmin(CatalogueAdmin):
    """What is put out of use stays readable where it was said."""

    list_display: tuple[str, ...] = ("code", "name", "active", "description")
    list_display_links = ("code", "name")
    list_filter: tuple[str, ...] = ("active",)
    search_fields = ("code", "name", "description")
    ordering = ("code",)
    empty_note = _("The catalogue is empty. `manage.py load_catalogue` fills it, or add your own.")


class GroupedCodeAdmin(CodeAdmin):
    list_display = ("code", "name", "group", "active", "description")
    list_filter = ("group", "active")


@admin.register(FailureMechanism)
class FailureMechanismAdmin(GroupedCodeAdmin):
    """Processes that lead to failures."""


@admin.register(FailureCause)
class FailureCauseAdmin(GroupedCodeAdmin):
    """Circumstances that let machines fail."""


@admin.register(Remedy)
class RemedyAdmin(CodeAdmin):
    """What can be done about a failure."""
