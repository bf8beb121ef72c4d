"""What the core needs of the world, by role. Adapters implement these; tests bring stateful fakes."""
