"""The machines' pages of the back office."""

from equipment.admin import catalogue, machines, people, teams

__all__ = ["catalogue", "machines", "people", "teams"]
