"""How a stored picture becomes an address that `<img>` can load without a header."""

from wealist.core import capability, site

FOLDER = "profiles/"


def address(image: str | None) -> str | None:
    """The stable address of a stored picture; addresses of pictures elsewhere stay as they are."""
    if image is None or not image.startswith(FOLDER):
        return image
    return site.address(f"/svc/user/images/{capability.sign(image)}")
