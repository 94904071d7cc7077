"""What people hand in through the pages: labelled raw files, and ideas for features."""
