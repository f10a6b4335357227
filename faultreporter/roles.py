"""The roles of people. Below everything, because both a person's row and the rules of the API are made of them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMIN = "ADMIN", _("Administrator")
    MANAGER = "MANAGER", _("Maintenance manager")
    TECHNICIAN = "TECHNICIAN", _("Technician")
    REPORTER = "REPORTER", _("Reporter")
