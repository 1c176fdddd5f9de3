"""Every artifact with its version, source and sha256: the store, the lock, the sources, and the server for nodes."""
