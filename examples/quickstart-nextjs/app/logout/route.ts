import { NextResponse, type NextRequest } from 'next/server'

import { open, SESSION } from '@/lib/session'
import { appUrl, sdk } from '@/lib/tenantry'

/** Sign out here, and at Tenantry. */
export async function POST(request: NextRequest) {
  const session = await open(request.cookies.get(SESSION)?.value)
  const postLogoutRedirectUri = `${appUrl}/`
  const url = sdk().getLogoutUrl({ idTokenHint: session?.idToken, postLogoutRedirectUri })
  const response = NextResponse.redirect(url, 303)
  response.cookies.delete(SESSION)
  return response
}
