"""The source ``upstream``: what the makers of Kubernetes and of what goes with it publish."""
