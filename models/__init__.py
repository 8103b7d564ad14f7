"""Neural networks, their data, their training and their files. Nothing in here knows of the service around it."""
