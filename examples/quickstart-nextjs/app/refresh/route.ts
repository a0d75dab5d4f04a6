import { NextResponse, type NextRequest } from 'next/server'

import { cookie, open, seal, SESSION } from '@/lib/session'
import { appUrl, refreshed } from '@/lib/tenantry'

/** Get new tokens now, as after a change of roles; where the session has ended, end ours. */
export async function POST(request: NextRequest) {
  const session = await open(request.cookies.get(SESSION)?.value)
  const next = session && (await refreshed(session))
  const response = NextResponse.redirect(appUrl, 303)
  if (next) response.cookies.set(SESSION, await seal(next), cookie)
  else response.cookies.delete(SESSION)
  return response
}
