import { NextResponse, type NextRequest } from 'next/server'

import { cookie, open, seal, SESSION } from '@/lib/session'
import { refreshed } from '@/lib/tenantry'

/** Refresh a session before a page reads it: a page cannot set a cookie. */
export async function proxy(request: NextRequest) {
  const session = await open(request.cookies.get(SESSION)?.value)
  const left = session ? session.claims.exp - Date.now() / 1000 : Infinity
  if (!session || left > 60) return NextResponse.next()
  const next = await refreshed(session)
  if (!next && left > 0) return NextResponse.next() // no answer, maybe: the next request asks again
  if (!next) {
    request.cookies.delete(SESSION)
    const response = NextResponse.next({ request })
    response.cookies.delete(SESSION)
    return response
  }
  const value = await seal(next)
  request.cookies.set(SESSION, value) // for the page
  const response = NextResponse.next({ request })
  response.cookies.set(SESSION, value, cookie) // for the browser
  return response
}

export const config = { matcher: ['/'] } // each page that reads the session
