"""The machines' pages of the back office."""

from equipment.admin import catalogue, codes, machines, people, teams

__all__ = ["catalogue", "codes", "machines", "people", "teams"]
