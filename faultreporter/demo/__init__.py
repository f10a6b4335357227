"""A believable building with two years of history, for the first look, for screenshots and for benchmarks."""
