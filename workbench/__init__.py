"""The platform on one machine: its processes, its command line, its start and its end."""
