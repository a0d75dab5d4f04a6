// Drive AuthService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import sdk from '@scalekit-sdk/node'
import messages from '@scalekit-sdk/node/lib/pkg/grpc/scalekit/v1/connections/connections_pb.js'

import {
  badRequest,
  clientId,
  clientSecret,
  notFound,
  run,
  step,
  unknown,
  url,
} from './steps.mjs'

const { ScalekitClient } = sdk
const { ConnectionProvider, ConnectionType } = messages

const callback = 'https://app.example.com/callback'
const client = new ScalekitClient(url, clientId, clientSecret)
const name = `acme-${run}.com`

const acme = (await client.organization.createOrganization(`Acme ${run}`)).organization.id
const given = { provider: ConnectionProvider.IDP_SIMULATOR, type: ConnectionType.OIDC }
const connection = (await client.connection.createConnection(acme, given)).connection.id
await client.connection.enableConnection(acme, connection)
await client.domain.createDomain(acme, name)
const application = await createApplication()

// The SDK makes none.
async function createApplication() {
  const grant = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }
  const body = new URLSearchParams(grant)
  const tokens = await fetch(`${url}/oauth/token`, { method: 'POST', body })
  const { access_token: token } = await tokens.json()
  const made = await fetch(`${url}/api/v1/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: `App ${run}`, client_type: 'SPA', post_login_uris: [callback] }),
  })
  return (await made.json()).client.id
}

// A sign-in that waits for the connection, and the cookies of its browser.
async function pending() {
  const address = client
    .getAuthorizationUrl(callback, {
      connectionId: connection,
      codeChallenge: 'c'.repeat(43),
      codeChallengeMethod: 'S256',
    })
    .replace(clientId, application)
  const answer = await fetch(address, { redirect: 'manual' })
  const cookie = answer.headers.getSetCookie().map((one) => one.split(';')[0]).join('; ')
  const location = new URL(answer.headers.get('location'), url)
  return [location.searchParams.get('login'), cookie]
}

// The parameters of the answer that the application gets.
async function back(login, cookie) {
  const answer = await fetch(`${url}/login/${login}`, { headers: { cookie }, redirect: 'manual' })
  return new URL(answer.headers.get('location'), url).searchParams
}

const user = { sub: `jane-${run}`, email: `jane@${name}` }
const update = (...of) => client.auth.updateLoginUserDetails(...of)
const [login, cookie] = await pending()

await step('bad_user', async () => {
  await badRequest(update(connection, login, { sub: 'jane' }))
})

await step('update_user', async () => {
  const answer = await update(connection, login, { ...user, givenName: 'Jane' })
  assert.equal(answer.authRequestId, login)
})

await step('update_once', async () => {
  await badRequest(update(connection, login, user))
  assert.ok((await back(login, cookie)).get('code'))
})

await step('other_domain', async () => {
  const [other, itsCookie] = await pending()
  await update(connection, other, { sub: `joe-${run}`, email: 'joe@elsewhere.example' })
  assert.equal((await back(other, itsCookie)).get('error'), 'invalid_user_domain')
})

await step('not_found', async () => {
  const [other] = await pending()
  await notFound(update(`conn_${unknown}`, other, user))
  await notFound(update(connection, `areq_${unknown}`, user))
  await client.organization.deleteOrganization(acme)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
