"""What `kprov up` is made of: one file per phase, each named by a verb; `up.py` is the list of them."""
