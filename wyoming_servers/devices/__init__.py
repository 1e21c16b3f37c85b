"""What memory there is, on the host and on each GPU."""
