import { ScalekitClient } from '@scalekit-sdk/node'
import type { Session } from './session'

export const appUrl = process.env.APP_URL ?? 'http://localhost:8000'

let client: ScalekitClient | undefined

/** The SDK's client, made with the first request: a build has no environment. */
export function sdk() {
  const { SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID, SCALEKIT_CLIENT_SECRET } = process.env
  client ??= new ScalekitClient(
    SCALEKIT_ENVIRONMENT_URL!,
    SCALEKIT_CLIENT_ID!,
    SCALEKIT_CLIENT_SECRET!
  )
  return client
}

/** What the access token says of the person, once its signature and audience are right. */
export async function claimsOf(accessToken: string) {
  return sdk().validateToken<{
    sub: string
    oid: string
    roles?: string[]
    permissions?: string[]
    exp: number
  }>(accessToken, {
    issuer: process.env.SCALEKIT_ENVIRONMENT_URL,
    audience: [process.env.SCALEKIT_CLIENT_ID!]
  })
}

/** The session with new tokens, or null where it has ended at Tenantry. */
export async function refreshed(session: Session): Promise<Session | null> {
  try {
    const { accessToken, refreshToken } = await sdk().refreshAccessToken(session.refreshToken)
    const claims = await claimsOf(accessToken)
    return { ...session, claims, refreshToken, refreshes: session.refreshes + 1 }
  } catch {
    return null
  }
}
