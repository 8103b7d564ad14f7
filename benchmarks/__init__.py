"""Scripts that print the numbers which README, docs and model cards quote. Run one as `python -m benchmarks.NAME`."""
