"""Benchmarks: every figure as a rate and as the ratio to a bare limit measured in the same run. `make bench`.

Machines are shared and noisy: compare the ratios, not the rates. The targets are in docs/performance.md.
"""
