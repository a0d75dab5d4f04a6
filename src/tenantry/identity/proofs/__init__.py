"""What proves that somebody is who they say: a code by mail, a passkey, a password, an app."""
