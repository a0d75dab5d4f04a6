import { createHash, randomBytes } from 'node:crypto'
import { NextResponse, type NextRequest } from 'next/server'

import { cookie } from '@/lib/session'
import { appUrl, sdk } from '@/lib/tenantry'

/** Start a sign-in, also one that an identity provider or an invitation starts. */
export async function GET(request: NextRequest) {
  const query = request.nextUrl.searchParams
  const fromProvider = query.get('idp_initiated_login')
  const claims = fromProvider
    ? await sdk().getIdpInitiatedLoginClaims(fromProvider).catch(() => null)
    : null
  const state = randomBytes(32).toString('base64url')
  const verifier = randomBytes(32).toString('base64url')
  const url = sdk().getAuthorizationUrl(`${appUrl}/callback`, {
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    state,
    prompt: query.get('prompt') ?? undefined,
    connectionId: claims?.connection_id,
    organizationId: claims?.organization_id ?? query.get('organization_id') ?? undefined,
    loginHint: claims?.login_hint ?? query.get('login_hint') ?? undefined,
    codeChallenge: createHash('sha256').update(verifier).digest('base64url'),
    codeChallengeMethod: 'S256'
  })
  const response = NextResponse.redirect(url, 303)
  response.cookies.set('sign_in', `${state}.${verifier}`, { ...cookie, maxAge: 3600 })
  return response
}
