import { createHash } from 'node:crypto'
import { EncryptJWT, jwtDecrypt } from 'jose'
import type { claimsOf } from './tenantry'

/** What the browser keeps, sealed; a cookie has room for 4,096 bytes. */
export type Session = {
  claims: Awaited<ReturnType<typeof claimsOf>>
  email: string
  idToken: string // says whose sign-out it is
  refreshToken: string
  refreshes: number
}

export const SESSION = 'session'
export const cookie = {
  httpOnly: true,
  sameSite: 'lax',
  secure: (process.env.APP_URL ?? '').startsWith('https:'),
  path: '/'
} as const

function key() {
  const secret = process.env.SESSION_SECRET
  if (!secret) throw new Error('SESSION_SECRET is not set')
  return createHash('sha256').update(secret).digest()
}

export function seal(session: Session): Promise<string> {
  return new EncryptJWT(session).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(key())
}

/** The session in a cookie, or null where there is no good one. */
export async function open(value: string | undefined): Promise<Session | null> {
  if (!value) return null
  const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }
  return jwtDecrypt<Session>(value, key(), options).then(
    ({ payload }) => payload,
    () => null
  )
}
