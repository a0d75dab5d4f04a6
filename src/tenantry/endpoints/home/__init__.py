"""The first page of a deployment, and the page that a browser gets in the place of an error."""
