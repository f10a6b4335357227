"""What is unusual in a series: the detectors, and the insights that come of what they find."""
