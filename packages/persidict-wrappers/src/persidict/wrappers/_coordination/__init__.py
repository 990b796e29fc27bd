"""Leases, semaphores, queues and counters for many processes."""
