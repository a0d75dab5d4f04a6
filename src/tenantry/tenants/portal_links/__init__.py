"""Links into the admin portal, and the portal sessions that they open.

A link is a credential: it lives one minute and opens once; one to share opens again and again for
a week. Its token is derived from its id and a key, so no secret of a link is stored.

A session is the browser of the customer's IT admin, bound to one organization and the features the
link was made for; it ends with its time, or when its link is deleted.
"""

__all__ = ["cookies", "service"]
