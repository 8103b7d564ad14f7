"""Durable work and what belongs to it: data sets, trainings, webhooks, changes of the registry."""
