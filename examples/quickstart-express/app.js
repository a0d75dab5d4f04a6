// An application that people sign in to, each within an organization.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

import { ScalekitClient } from '@scalekit-sdk/node'
import express from 'express'

const appUrl = process.env.APP_URL ?? 'http://localhost:8000'
const cookie = { httpOnly: true, sameSite: 'lax', secure: appUrl.startsWith('https:') }
const clientId = process.env.SCALEKIT_CLIENT_ID
const issuer = process.env.SCALEKIT_ENVIRONMENT_URL
const sdk = new ScalekitClient(issuer, clientId, process.env.SCALEKIT_CLIENT_SECRET)
const sessions = new Map() // by the cookie `session`; yours belong into a database

const secret = () => randomBytes(32).toString('base64url')
const sha256 = (text) => createHash('sha256').update(text).digest()
const same = (one, other) => timingSafeEqual(sha256(one), sha256(other))
const escape = (text) => text.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`)
const claimsOf = (token) => sdk.validateToken(token, { issuer, audience: [clientId] })
const cookieOf = (req, name) =>
  (req.get('cookie') ?? '')
    .split('; ')
    .find((one) => one.startsWith(`${name}=`))
    ?.slice(name.length + 1) ?? ''
const page = (res, content, status = 200) => {
  const head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Quickstart</title>'
  res.status(status).set('Cache-Control', 'no-store').type('html').send(head + content)
}

const app = express()

app.get('/', async (req, res) => {
  const session = sessions.get(cookieOf(req, 'session'))
  if (!session) return page(res, '<a href="/login">Sign in</a>')
  const { organization } = await sdk.organization.getOrganization(session.claims.oid)
  page(
    res,
    `<h1>${escape(organization.displayName)}</h1><p>${escape(session.user.email)}</p>
    <p>Refreshed ${session.refreshes} times.</p>
    <form method="post" action="/refresh"><button>Refresh</button></form>
    <form method="post" action="/logout"><button>Sign out</button></form>
    <a href="/login?prompt=select_account">Switch organization</a>`
  )
})

app.get('/login', (req, res) => {
  const [state, verifier] = [secret(), secret()]
  const url = sdk.getAuthorizationUrl(`${appUrl}/callback`, {
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    state,
    prompt: req.query.prompt,
    codeChallenge: sha256(verifier).toString('base64url'),
    codeChallengeMethod: 'S256'
  })
  res.cookie('sign_in', `${state}.${verifier}`, { ...cookie, maxAge: 3_600_000 })
  res.redirect(303, url)
})

app.get('/callback', async (req, res) => {
  const { state = '', code, error_description: why = '' } = req.query
  const [expected, verifier] = cookieOf(req, 'sign_in').split('.')
  const again = '<a href="/login">Sign in</a>'
  if (!expected || !same(expected, String(state))) {
    return page(res, `This sign-in did not begin here. ${again}`, 400)
  }
  if (!code) return page(res, `${escape(String(why))} ${again}`, 403)
  const options = { codeVerifier: verifier }
  const result = await sdk.authenticateWithCode(String(code), `${appUrl}/callback`, options)
  sessions.delete(cookieOf(req, 'session'))
  const key = secret() // another one with each sign-in
  sessions.set(key, { ...result, claims: await claimsOf(result.accessToken), refreshes: 0 })
  res.cookie('session', key, cookie).clearCookie('sign_in').redirect(303, '/')
})

app.post('/refresh', async (req, res) => {
  const key = cookieOf(req, 'session')
  const session = sessions.get(key)
  try {
    const tokens = await sdk.refreshAccessToken(session?.refreshToken) // both tokens are new
    Object.assign(session, tokens, { refreshes: session.refreshes + 1 })
  } catch {
    sessions.delete(key) // the session has ended: there, so here as well
  }
  res.redirect(303, '/')
})

app.post('/logout', (req, res) => {
  const idTokenHint = sessions.get(cookieOf(req, 'session'))?.idToken
  sessions.delete(cookieOf(req, 'session'))
  res.redirect(303, sdk.getLogoutUrl({ idTokenHint, postLogoutRedirectUri: `${appUrl}/` }))
})

app.listen(process.env.PORT ?? 8000, '127.0.0.1')
