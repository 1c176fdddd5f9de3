"""The cluster file: its model, loading with line numbers, ranges, rules; every problem reported at once."""
