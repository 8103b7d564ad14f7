"""Whose things are whose: an owner is the key that made them, or `admin` for every key with that scope."""

ADMIN = "admin"
"""Administrators own together. Everybody may use their models; only they see their jobs and data sets."""
