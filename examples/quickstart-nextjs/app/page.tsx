import { cookies } from 'next/headers'

import { open, SESSION } from '@/lib/session'
import { sdk } from '@/lib/tenantry'

const ACTIVE = 1 // MembershipStatus.ACTIVE

// Links to /login are not a <Link>, which would prefetch them and start a sign-in.
export default async function Home() {
  const session = await open((await cookies()).get(SESSION)?.value)
  if (!session) return <Welcome />
  const { claims, refreshes } = session
  const { user } = await sdk().user.getUser(claims.sub)
  const memberships = user?.memberships.filter((each) => each.membershipStatus === ACTIVE) ?? []
  const current = memberships.find((each) => each.organizationId === claims.oid)
  const organization = current?.displayName ?? ''
  const { name, picture } = user?.userProfile ?? {}
  return (
    <>
      <header>
        <a className="brand" href="/">
          Quickstart
        </a>
        <details className="switcher">
          <summary title="Switch organization">
            <span>{organization}</span>
          </summary>
          <ul>
            {memberships.map((each) => (
              <li key={each.organizationId}>
                <a
                  href={`/login?organization_id=${each.organizationId}`}
                  aria-current={each === current || undefined}
                >
                  {each.displayName}
                </a>
              </li>
            ))}
            <li className="last">
              <a href="/login?prompt=create">Create organization</a>
            </li>
          </ul>
        </details>
        <form method="post" action="/logout">
          <button>Sign out</button>
        </form>
      </header>
      <main>
        <section className="user">
          {picture ? (
            <img className="avatar" src={picture} alt="" />
          ) : (
            <span className="avatar" aria-hidden="true">
              {(name || session.email).charAt(0)}
            </span>
          )}
          <div>
            <h1>{organization}</h1>
            {name && <p>{name}</p>}
            <p className="quiet">{session.email}</p>
            <ul className="roles" aria-label="Roles">
              {claims.roles?.map((role) => (
                <li key={role}>{role}</li>
              ))}
            </ul>
          </div>
        </section>
        <section>
          <h2>Claims of the access token</h2>
          <table>
            <tbody>
              {Object.entries(claims).map(([claim, value]) => (
                <tr key={claim}>
                  <th scope="row">{claim}</th>
                  <td>{Array.isArray(value) ? value.join(', ') : String(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <form className="actions" method="post" action="/refresh">
            <button>Refresh</button>
            <span className="quiet">{`Refreshed ${refreshes} times.`}</span>
          </form>
        </section>
      </main>
    </>
  )
}

function Welcome() {
  return (
    <main className="welcome">
      <section>
        <h1>Quickstart</h1>
        <p className="quiet">Sign up or sign in to see your session.</p>
        <a className="button primary" href="/login">
          Sign in
        </a>
      </section>
    </main>
  )
}
