"""What the report raises where its input cannot be used."""


class InputError(Exception):
    """A file is not what a report can be made of: which, and why."""
