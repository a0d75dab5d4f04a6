"""Projects that `tenantry init` writes: quickstarts of `examples/`, which the package contains."""
