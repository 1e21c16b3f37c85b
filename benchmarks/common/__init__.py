"""Helpers of all benchmarks: server processes, reports and word errors."""
