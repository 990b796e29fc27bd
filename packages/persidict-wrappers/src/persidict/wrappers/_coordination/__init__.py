"""Parts of leases, semaphores and queues: who among many processes owns what."""
