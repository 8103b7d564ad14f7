"""What people upload: unpacked as if it were hostile, looked through, kept as pictures."""
