import { cookies } from 'next/headers'

import { open, SESSION } from '@/lib/session'
import { sdk } from '@/lib/tenantry'

// Links to /login are not a <Link>: that one would fetch them before anybody has clicked.
export default async function Home() {
  const session = await open((await cookies()).get(SESSION)?.value)
  if (!session) return <a href="/login">Sign in</a>
  const { organization } = await sdk().organization.getOrganization(session.claims.oid)
  return (
    <>
      <h1>{organization?.displayName}</h1>
      <p>{session.email}</p>
      <p>{session.claims.roles?.join(', ')}</p>
      <p>{`Refreshed ${session.refreshes} times.`}</p>
      <form method="post" action="/refresh">
        <button>Refresh</button>
      </form>
      <form method="post" action="/logout">
        <button>Sign out</button>
      </form>
      <a href="/login?prompt=select_account">Switch organization</a>
    </>
  )
}
