// Drive ConnectionService with the official Node SDK and say what was seen, step by step.
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
const { ConnectionProvider, ConnectionStatus, ConnectionType } = messages
const { IDP_SIMULATOR, OKTA, GITHUB } = ConnectionProvider
const { OAUTH, OIDC, SAML } = ConnectionType

const client = new ScalekitClient(url, clientId, clientSecret)
const connections = client.connection

async function createOrganization(name) {
  return (await client.organization.createOrganization(`${name} ${run}`)).organization.id
}

async function create(organizationId, provider, type) {
  return (await connections.createConnection(organizationId, { provider, type })).connection
}

async function get(id) {
  return (await connections.getConnection(acme, id)).connection
}

const acme = await createOrganization('Acme')
const globex = await createOrganization('Globex')
let oidc
let saml
let simulator

await step('create', async () => {
  oidc = await create(acme, OKTA, OIDC)
  assert.match(oidc.id, /^conn_/)
  assert.equal(oidc.provider, OKTA)
  assert.equal(oidc.type, OIDC)
  assert.equal(oidc.organizationId, acme)
  assert.equal(oidc.status, ConnectionStatus.DRAFT)
  assert.equal(oidc.enabled, false)
  assert.equal(oidc.testConnectionUri, `${url}/sso/v1/oidc/${oidc.id}/test`)
  saml = await create(acme, OKTA, SAML)
  assert.equal(saml.settings.value.spEntityId, `${url}/sso/v1/saml/${saml.id}`)
})

await step('create_refused', async () => {
  await badRequest(create(acme, GITHUB, OAUTH))
})

await step('get', async () => {
  assert.deepEqual(await get(oidc.id), oidc)
})

await step('list', async () => {
  assert.deepEqual((await connections.listConnections(acme)).connections, [])
})

await step('enable_refused', async () => {
  await badRequest(connections.enableConnection(acme, oidc.id))
})

await step('enable_and_disable', async () => {
  simulator = await create(acme, IDP_SIMULATOR, OIDC)
  assert.equal(simulator.status, ConnectionStatus.COMPLETED)
  assert.equal((await connections.enableConnection(acme, simulator.id)).enabled, true)
  assert.equal((await get(simulator.id)).enabled, true)
  const [listed] = (await connections.listConnections(acme)).connections
  assert.equal(listed.id, simulator.id)
  assert.equal((await connections.disableConnection(acme, simulator.id)).enabled, false)
})

await step('list_by_domain', async () => {
  await connections.enableConnection(acme, simulator.id)
  const name = `acme-${run}.com`
  await client.domain.createDomain(acme, name)
  const { connections: found } = await connections.listConnectionsByDomain(name)
  assert.deepEqual(
    found.map((one) => [one.id, one.domains]),
    [[simulator.id, [name]]],
  )
  const nobody = await connections.listConnectionsByDomain(`not-${name}`)
  assert.deepEqual(nobody.connections, [])
})

// The SDK lists them and makes none.
await step('list_app', async () => {
  const keys = [`one-${run}`, `two-${run}`]
  const grant = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }
  const tokens = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams(grant),
  })
  const { access_token: token } = await tokens.json()
  for (const key of keys) {
    const made = await fetch(`${url}/api/v1/connections?flags.is_app=true`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ provider_key: 'NOTION', type: 'OAUTH', key_id: key }),
    })
    assert.ok(made.ok, await made.text())
  }
  const of = { provider: 'NOTION', pageSize: 1 }
  const first = await connections.listAppConnections(of)
  const second = await connections.listAppConnections({ ...of, pageToken: first.nextPageToken })
  const found = [...second.connections, ...first.connections]
  assert.deepEqual(
    found.map((one) => [one.type, one.enabled, one.providerKey, one.keyId]),
    keys.map((key) => [OAUTH, true, 'NOTION', key]),
  )
  const { connections: none } = await connections.listAppConnections({ provider: 'ZOOM' })
  assert.deepEqual(none, [])
})

await step('not_found', async () => {
  await notFound(get(`conn_${unknown}`))
  await notFound(connections.getConnection(globex, oidc.id))
  await notFound(connections.enableConnection(globex, simulator.id))
  await notFound(create(`org_${unknown}`, OKTA, OIDC))
})

await step('delete', async () => {
  for (const one of [oidc, saml, simulator]) {
    await connections.deleteConnection(acme, one.id)
  }
  await notFound(get(oidc.id))
  assert.deepEqual((await connections.listConnections(acme)).connections, [])
  await client.organization.deleteOrganization(acme)
  await client.organization.deleteOrganization(globex)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
