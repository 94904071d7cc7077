"""What TUF, the network and the disk say about a failed pull, as the check that failed."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    SlowRetrievalError,
    UnsignedMetadataError,
)

from whetstone.errors import ReleaseError

_AGAIN = (
    "Pull again; if that repeats, tell the platform's operators: somebody may be between you and "
    "them"
)


@contextmanager
def explained(
    what: str, url: str, cache: Path, proves: Literal["consistency", "content", "form"]
) -> Generator[None]:
    """Raises the errors of a pull as `ReleaseError`: which check failed, where, and what to do.

    Args:
        what: Is read meanwhile, such as "the metadata".
        url: Of the repository.
        cache: Is written meanwhile.
        proves: What a wrong length or hash would disprove.
    """
    try:
        yield
    except (RepositoryError, DownloadError) as error:
        reason, remedy = diagnosis(error, proves)
        raise ReleaseError(
            f"{reason} for {what} at {url} ({story(error)}). {remedy}. "
            "What was pulled before stays in service"
        ) from error
    except OSError as error:
        raise ReleaseError(
            f"the cache {cache} cannot be written: {error}. Check its space and "
            "permissions. What was pulled before stays in service"
        ) from error


def diagnosis(error: Exception, proves: str) -> tuple[str, str]:
    """The check that failed, and the remedy; `proves` as of `explained`."""
    match error:
        case UnsignedMetadataError():
            return (
                "signature check failed (wrong key)",
                "Compare the trusted root with the platform's; if the platform was set up anew, "
                "hand in its new root and an empty cache",
            )
        case ExpiredMetadataError():
            return (
                "freshness check failed (expired: a freeze attack, or nobody renews it)",
                "Check this machine's clock, then that the platform's daily refresh runs",
            )
        case BadVersionNumberError():
            return (
                "rollback check failed (older than what was seen before)",
                f"Ask whether the platform was restored from a backup. {_AGAIN}",
            )
        case LengthOrHashMismatchError() if proves == "consistency":
            return "consistency check failed (mix-and-match, truncated or changed)", _AGAIN
        case LengthOrHashMismatchError():
            return f"{proves} check failed (truncated or changed)", _AGAIN
        case DownloadLengthMismatchError():
            return "size check failed (oversize: more bytes than were signed)", _AGAIN
        case SlowRetrievalError():
            return "speed check failed (slow retrieval: the server holds the line)", _AGAIN
        case RepositoryError():
            return "form check failed (malformed)", _AGAIN
        case _:
            return (
                "download failed (unreachable)",
                "Check the URL, the network, and that the repository's public directory is served",
            )


def story(error: BaseException | None) -> str:
    """An error and what led to it, in a line."""
    told: list[str] = []
    while error is not None:
        told.append(str(error) or type(error).__name__)
        error = error.__cause__
    return ": ".join(told)
