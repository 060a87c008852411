"""What a job takes on a pod, found out before it is rented."""
