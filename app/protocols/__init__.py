"""The shapes of other servers in which our models can be asked."""
