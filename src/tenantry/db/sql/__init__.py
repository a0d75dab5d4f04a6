"""Tables, and statements that both databases run."""
