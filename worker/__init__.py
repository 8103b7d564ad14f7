"""The processes that hold a device: Celery workers that run trained networks and train new ones."""
