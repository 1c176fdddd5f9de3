"""The seam to kubectl on this machine, and what is done through it: the way to the dashboard."""
