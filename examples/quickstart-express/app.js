// An application with sign-in, organizations and roles.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

import { ScalekitClient } from '@scalekit-sdk/node'
import express from 'express'

const ACTIVE = 1 // MembershipStatus.ACTIVE
const appUrl = process.env.APP_URL ?? 'http://localhost:8000'
const cookie = { httpOnly: true, sameSite: 'lax', secure: appUrl.startsWith('https:') }
const clientId = process.env.SCALEKIT_CLIENT_ID
const issuer = process.env.SCALEKIT_ENVIRONMENT_URL
const sdk = new ScalekitClient(issuer, clientId, process.env.SCALEKIT_CLIENT_SECRET)
const sessions = new Map() // by the cookie `session`; store yours in a database

const secret = () => randomBytes(32).toString('base64url')
const sha256 = (text) => createHash('sha256').update(text).digest()
const same = (one, other) => timingSafeEqual(sha256(one), sha256(other))
const claimsOf = (token) => sdk.validateToken(token, { issuer, audience: [clientId] })
const cookieOf = (req, name) =>
  (req.get('cookie') ?? '')
    .split('; ')
    .find((one) => one.startsWith(`${name}=`))
    ?.slice(name.length + 1) ?? ''
const page = (res, name, values, status = 200) =>
  res.status(status).set('Cache-Control', 'no-store').render(name, values)

const app = express()
app.set('view engine', 'ejs')
app.set('views', `${import.meta.dirname}/views`)
app.use(express.static(`${import.meta.dirname}/public`))

app.get('/', async (req, res) => {
  const session = sessions.get(cookieOf(req, 'session'))
  if (!session) return page(res, 'welcome', { message: '' })
  const { claims, refreshes } = session
  const { user } = await sdk.user.getUser(claims.sub)
  const memberships = user.memberships.filter((each) => each.membershipStatus === ACTIVE)
  const current = memberships.find((each) => each.organizationId === claims.oid)
  const organization = current?.displayName ?? ''
  page(res, 'home', { user, memberships, organization, claims, refreshes })
})

app.get('/login', (req, res) => {
  const [state, verifier] = [secret(), secret()]
  const url = sdk.getAuthorizationUrl(`${appUrl}/callback`, {
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    state,
    prompt: req.query.prompt,
    organizationId: req.query.organization_id,
    loginHint: req.query.login_hint,
    codeChallenge: sha256(verifier).toString('base64url'),
    codeChallengeMethod: 'S256'
  })
  res.cookie('sign_in', `${state}.${verifier}`, { ...cookie, maxAge: 3_600_000 })
  res.redirect(303, url)
})

app.get('/callback', async (req, res) => {
  const { state = '', code, error_description: message = '' } = req.query
  const [expected, verifier] = cookieOf(req, 'sign_in').split('.')
  if (!expected || !same(expected, String(state))) {
    return page(res, 'welcome', { message: 'This sign-in was not started in this browser.' }, 400)
  }
  if (!code) return page(res, 'welcome', { message }, 403)
  const options = { codeVerifier: verifier }
  const result = await sdk.authenticateWithCode(String(code), `${appUrl}/callback`, options)
  sessions.delete(cookieOf(req, 'session'))
  const key = secret() // a new one for each sign-in
  sessions.set(key, { ...result, claims: await claimsOf(result.accessToken), refreshes: 0 })
  res.cookie('session', key, cookie).clearCookie('sign_in').redirect(303, '/')
})

app.post('/refresh', async (req, res) => {
  const key = cookieOf(req, 'session')
  const session = sessions.get(key)
  try {
    const tokens = await sdk.refreshAccessToken(session?.refreshToken) // both tokens are new
    const claims = await claimsOf(tokens.accessToken)
    Object.assign(session, tokens, { claims, refreshes: session.refreshes + 1 })
  } catch {
    sessions.delete(key) // the session has ended at Tenantry
  }
  res.redirect(303, '/')
})

app.post('/logout', (req, res) => {
  const idTokenHint = sessions.get(cookieOf(req, 'session'))?.idToken
  sessions.delete(cookieOf(req, 'session'))
  res.redirect(303, sdk.getLogoutUrl({ idTokenHint, postLogoutRedirectUri: `${appUrl}/` }))
})

app.listen(process.env.PORT ?? 8000, '127.0.0.1')
