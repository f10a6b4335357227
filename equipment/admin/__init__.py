"""The machines' pages of the back office."""

from equipment.admin import catalogue, machines, people

__all__ = ["catalogue", "machines", "people"]
