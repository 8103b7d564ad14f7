"""The processes of one machine: which there are, what they need, and what keeps them running."""
