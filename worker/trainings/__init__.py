"""Training in an owned child process: what it reports is written down, what it makes is published."""
