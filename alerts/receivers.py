"""Connected in later steps."""
