"""The pages of a signed-in person: passkeys, second factor, sessions (`/ui/profile/...`)."""
