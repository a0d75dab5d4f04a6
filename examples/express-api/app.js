// An API for your customers' machines. It takes their access tokens and their API keys.

import { ScalekitClient, ScalekitValidateTokenFailureException } from '@scalekit-sdk/node'
import express from 'express'

const issuer = process.env.SCALEKIT_ENVIRONMENT_URL
const audience = [process.env.API_AUDIENCE ?? 'https://api.example.com']
const keyPrefix = process.env.API_KEY_PREFIX ?? 'tnat_'
const newClient = () =>
  new ScalekitClient(
    issuer,
    process.env.SCALEKIT_CLIENT_ID,
    process.env.SCALEKIT_CLIENT_SECRET
  )

let sdk = newClient()
let renewed = 0
const invoices = new Map() // by organization

// RFC 6750 section 3: a request without credentials is told no error.
class Refused extends Error {
  constructor(status, error, attributes = {}) {
    super(error || 'unauthorized')
    const shown = { realm: 'invoices', ...(error && { error, ...attributes }) }
    const pairs = Object.entries(shown).map(([name, value]) => `${name}="${value}"`)
    Object.assign(this, { status, challenge: `Bearer ${pairs.join(', ')}` })
  }
}

// What the SDK finds wrong with a token is a 401; a failure to ask is not.
const invalid = (error) => {
  if (error instanceof ScalekitValidateTokenFailureException) {
    throw new Refused(401, 'invalid_token')
  }
  throw error
}

async function ofAccessToken(token) {
  const checked = () => sdk.validateToken(token, { issuer, audience })
  const claims = await checked()
    .catch((error) => {
      // An unknown key: a client reads the keys once, so ask with a new one, once a minute at most.
      if (!/no applicable key/.test(error.message) || Date.now() - renewed < 60_000) throw error
      renewed = Date.now()
      sdk = newClient()
      return checked()
    })
    .catch(invalid)
  if (!claims.oid) throw new Refused(401, 'invalid_token') // not a client of a customer
  return { organizationId: claims.oid, scopes: claims.scopes ?? [] }
}

async function ofApiKey(key) {
  // The call would also take a key's id, which is no secret.
  if (!key.startsWith(keyPrefix)) throw new Refused(401, 'invalid_token')
  const { tokenInfo } = await sdk.token.validateToken(key).catch(invalid)
  return {
    organizationId: tokenInfo.organizationId,
    scopes: (tokenInfo.customClaims.scope ?? '').split(' ')
  }
}

// Lets in who holds the scope, as `req.caller`.
const requires = (scope) => async (req, res, next) => {
  const [, bearer] = /^bearer +(.+)$/i.exec(req.get('authorization') ?? '') ?? []
  const credentials = req.get('x-api-key') || bearer
  if (!credentials) throw new Refused(401)
  const isKey = req.get('x-api-key') || credentials.startsWith(keyPrefix)
  req.caller = await (isKey ? ofApiKey(credentials) : ofAccessToken(credentials))
  if (!req.caller.scopes.includes(scope)) throw new Refused(403, 'insufficient_scope', { scope })
  next()
}

const app = express().use(express.json())

app.get('/invoices', requires('invoices:read'), ({ caller: { organizationId } }, res) => {
  res.json({ organization_id: organizationId, amounts: invoices.get(organizationId) ?? [] })
})

app.post('/invoices', requires('invoices:write'), ({ body, caller: { organizationId } }, res) => {
  invoices.set(organizationId, [...(invoices.get(organizationId) ?? []), body.amount])
  res.status(201).end()
})

app.use((error, req, res, next) => {
  if (error instanceof Refused) res.set('WWW-Authenticate', error.challenge)
  else if (!error.expose) res.set('Retry-After', '1') // not the request: Tenantry did not answer
  const status = error instanceof Refused || error.expose ? error.status : 503
  res.status(status).json({ detail: status === 503 ? 'try again' : error.message })
})

app.listen(process.env.PORT ?? 8000, '127.0.0.1')
