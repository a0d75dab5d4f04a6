"""Whether the deployment is well: for those who look after it. Owns no table."""
