"""From what a meter's dial showed to what was used and what that cost."""
