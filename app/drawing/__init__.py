"""Faces by their address: drawn, framed, moved, marked, found again."""
