"""Jobs that outlive a process: claimed under a lease, run by their kind, brought to an end."""
