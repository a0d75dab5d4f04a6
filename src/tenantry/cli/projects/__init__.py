"""Projects that `tenantry init` writes: the quickstarts of `examples/`."""
