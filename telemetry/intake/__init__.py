"""Readings on their way in: who sends them, what they are about, what is refused, and what is stored."""
