"""What is true of every request, whatever it asks for: its id, its size, its headers, how long it may take."""
