"""Raw logs of three invented sites, realistic to the byte, with the truth about them."""
