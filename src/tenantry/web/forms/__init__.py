"""Forms of pages: uploads, boxes, problems."""
