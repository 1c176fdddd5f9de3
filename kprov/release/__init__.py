"""What upstream ships: the version catalog, and the documents and rules that depend on a version."""
