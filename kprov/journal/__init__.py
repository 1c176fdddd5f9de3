"""The run's diary on disk: a sink that writes events as JSON lines, and their way back."""
