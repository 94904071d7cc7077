"""Who is told of what happens here, and requests that were answered already."""
