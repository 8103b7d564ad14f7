"""What crosses between processes: settings, messages, records, job states, the store, the registry and the errors.

`models` knows nothing of this package, and this package knows nothing of the rest of the project.
"""
