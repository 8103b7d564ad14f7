"""The front of the service: the REST API, its pages and the `likeness` command. No module here imports torch."""
