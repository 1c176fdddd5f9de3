"""What runs in a cluster beside Kubernetes itself: networks, services and dashboards, as the objects that they are."""
