"""Readings that a person took off a dial: whether they can be right, and their way into the intake."""
