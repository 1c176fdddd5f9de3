"""A finished run, or a set of findings, as table rows, JSON, JUnit or an HTML page with a timeline."""
