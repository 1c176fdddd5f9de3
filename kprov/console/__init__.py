"""What a person sees: progress while a run goes on, tables, the summary at its end, errors."""
