"""Why a sign-in ended without a session, as the page that gets the browser back is told."""


class SignInError(Exception):
    """Ends the sign-in at its target with `?error=<code>&error_description=<text>`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
