"""What workloads need of a cluster: names, figures, volumes, addresses."""
