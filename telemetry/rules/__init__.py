"""Alarm rules: what they make of readings and of the time that passes, on live ones and on those of the past."""
