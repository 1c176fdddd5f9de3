"""Arguments, wiring and exit codes: one short file per group of commands."""
