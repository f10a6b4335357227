"""Readings in CSV files: read in with a mark of how far it got, and written for spreadsheets."""
