"""What this package takes for its own work on this machine: times, peak memory, growth.

`benchmarks/` of the repository takes these same rows and puts other tools beside them.
"""
