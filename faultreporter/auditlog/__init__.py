"""The audit log as people see it: its REST endpoints and its pages in the back office."""
