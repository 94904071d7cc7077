"""What must outlive a power cut."""

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Have a file's content, or a directory's names, written to the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
