"""What connects pods: one file for each network plugin."""
