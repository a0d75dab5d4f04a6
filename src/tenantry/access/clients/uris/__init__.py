"""URIs that clients register, and links to applications."""
