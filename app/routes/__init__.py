"""The addresses of the HTTP interface, one file for each noun."""
