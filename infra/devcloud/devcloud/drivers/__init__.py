"""Drivers that count and bind, where a real cloud has machines, disks and switches."""
