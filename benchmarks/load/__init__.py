"""Load tests: many clients, little memory, killed workers."""
