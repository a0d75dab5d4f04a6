import { createHash, timingSafeEqual } from 'node:crypto'
import { NextResponse, type NextRequest } from 'next/server'

import { cookie, seal, SESSION } from '@/lib/session'
import { appUrl, claimsOf, sdk } from '@/lib/tenantry'

const sha256 = (text: string) => createHash('sha256').update(text).digest()
const refuse = (why: string, status: number) =>
  new NextResponse(why, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } })

/** Complete a sign-in that was started in this browser. */
export async function GET(request: NextRequest) {
  const query = request.nextUrl.searchParams
  const [expected, codeVerifier] = (request.cookies.get('sign_in')?.value ?? '').split('.')
  if (!expected || !timingSafeEqual(sha256(expected), sha256(query.get('state') ?? ''))) {
    return refuse('This sign-in was not started in this browser.', 400)
  }
  const code = query.get('code')
  if (!code) return refuse(`${query.get('error')}: ${query.get('error_description')}`, 403)
  const result = await sdk().authenticateWithCode(code, `${appUrl}/callback`, { codeVerifier })
  const response = NextResponse.redirect(appUrl, 303)
  const session = await seal({
    claims: await claimsOf(result.accessToken),
    email: result.user.email,
    idToken: result.idToken,
    refreshToken: result.refreshToken,
    refreshes: 0
  })
  response.cookies.set(SESSION, session, cookie).delete('sign_in')
  return response
}
