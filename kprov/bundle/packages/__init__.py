"""The source ``packages``: no vendor download, only the package mirrors that this machine is set up with."""
