"""What is wrong with a configuration.

docs/settings.md
"""


class ConfigurationError(Exception):
    """The operator has to change something before fhirhub can start; the message says what."""


class SettingsError(ConfigurationError):
    """All problems of one load; `problems` holds one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))
