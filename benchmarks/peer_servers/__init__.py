"""The same pipeline in minimal servers of other frameworks, each with the settings that its documentation recommends.

They run in environments of their own, with the packages that the head of each file names, and import nothing of the
service: of ours they need `models.images` and `models.styles` alone.
"""
