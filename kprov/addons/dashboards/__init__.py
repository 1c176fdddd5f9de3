"""Pages in the browser that show the cluster: one file for each kind."""
