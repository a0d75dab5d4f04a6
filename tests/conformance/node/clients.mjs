// Drive ClientService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import sdk from '@scalekit-sdk/node'

import {
  badField,
  badRequest,
  clientId,
  clientSecret,
  failureOf,
  notFound,
  readPages,
  run,
  soon,
  step,
  unknown,
  url,
} from './steps.mjs'

const {
  ScalekitClient,
  ScalekitForbiddenException,
  ScalekitUnauthorizedException,
  ScalekitValidateTokenFailureException,
} = sdk

const nobody = `m2morg_${unknown}`
const nowhere = `org_${unknown}`
const scopes = ['orders:write', 'orders:read', 'deploy']
const audience = ['https://orders.example.com', 'https://api.example.com']
const customClaims = { tier: 'gold', region: 'eu-west' }

const client = new ScalekitClient(url, clientId, clientSecret)
const machines = client.m2m

async function createOrganization(name) {
  return (await client.organization.createOrganization(`${name} ${run}`)).organization.id
}

async function get(organizationId, id) {
  return (await machines.getOrganizationClient(organizationId, id)).client
}

async function update(organizationId, id, change) {
  return (await machines.updateOrganizationClient(organizationId, id, change)).client
}

function pairs(list) {
  return list.map(({ key, value }) => [key, value])
}

function withoutTime({ updateTime, ...rest }) {
  return rest
}

function header(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url'))
}

// The token endpoint knows no such client; returns all that it said.
async function noToken(...credentials) {
  const error = await failureOf(client.generateClientToken(...credentials))
  assert.ok(error instanceof ScalekitUnauthorizedException, String(error))
  assert.equal(error.errDetails.error, 'invalid_client')
  return error.errDetails
}

const acme = await createOrganization('Acme')
const globex = await createOrganization('Globex')
let machine
let secret
let plain
let third
let token
let claims

await step('empty_list', async () => {
  const { clients, totalSize } = await machines.listOrganizationClients(acme)
  assert.deepEqual(clients, [])
  assert.equal(totalSize, 0)
})

await step('create', async () => {
  // createOrganizationClient takes no expiry.
  const description = 'Reads orders every night'
  const options = { name: `Orders ${run}`, description, scopes, audience }
  const created = await machines.createOrganizationClient(acme, { ...options, customClaims })
  machine = created.client
  secret = created.plainSecret
  assert.match(machine.clientId, /^m2morg_/)
  assert.equal(machine.organizationId, acme)
  for (const [name, value] of Object.entries(options)) assert.deepEqual(machine[name], value)
  assert.deepEqual(pairs(machine.customClaims), Object.entries(customClaims))
  assert.ok(machine.createTime.seconds > 0n)
  assert.ok(machine.updateTime.seconds > 0n)
  assert.deepEqual(machine.secrets.map(({ id }) => id.slice(0, 4)), ['sec_'])
  assert.ok(secret.endsWith(machine.secrets[0].secretSuffix))
  return { id: machine.clientId }
})

await step('create_by_name', async () => {
  plain = (await machines.createOrganizationClient(acme, { name: 'Plain' })).client
  assert.deepEqual([plain.scopes, plain.audience, plain.customClaims], [[], [], []])
  assert.equal(plain.description, '')
  assert.equal(plain.expiry, 3600n)
})

await step('get', async () => {
  assert.deepEqual(await get(acme, machine.clientId), machine)
  assert.ok(!machine.secrets[0].plainSecret)
})

await step('list_pages', async () => {
  const ours = [machine.clientId, plain.clientId]
  for (const n of [0, 1, 2]) {
    const made = await machines.createOrganizationClient(acme, { name: `Machine ${n}` })
    ours.push(made.client.clientId)
  }
  const listed = await readPages(async (pageToken) => {
    const page = await machines.listOrganizationClients(acme, { pageSize: 2, pageToken })
    assert.equal(page.totalSize, ours.length)
    return [page.clients.map((each) => ({ id: each.clientId })), page]
  }, ours)
  const first = await machines.listOrganizationClients(acme, { pageSize: 2 })
  const second = await machines.listOrganizationClients(acme, {
    pageSize: 2,
    pageToken: first.nextPageToken,
  })
  const back = await machines.listOrganizationClients(acme, {
    pageSize: 2,
    pageToken: second.prevPageToken,
  })
  assert.deepEqual(back.clients, first.clients)
  assert.deepEqual((await machines.listOrganizationClients(globex)).clients, [])
  return { listed: listed.length }
})

await step('update', async () => {
  const nightly = await update(acme, machine.clientId, { description: 'Nightly' })
  assert.deepEqual(withoutTime(nightly), { ...withoutTime(machine), description: 'Nightly' })
  const silver = { name: 'Orders', customClaims: { tier: 'silver' } }
  const updated = await update(acme, machine.clientId, silver)
  assert.equal(updated.name, 'Orders')
  assert.deepEqual(pairs(updated.customClaims), [['tier', 'silver']])
  assert.deepEqual(updated.scopes, scopes)
  assert.deepEqual(await get(acme, machine.clientId), updated)
  await update(acme, machine.clientId, { customClaims })
})

await step('access_token', async () => {
  await soon(async () => {
    token = await client.generateClientToken(machine.clientId, secret)
    claims = await client.validateToken(token)
    assert.deepEqual(claims.custom_claims, customClaims)
  })
  assert.equal(claims.iss, url)
  assert.equal(claims.sub, machine.clientId)
  assert.equal(claims.client_id, machine.clientId)
  assert.deepEqual(claims.aud, audience)
  assert.equal(claims.oid, acme)
  assert.deepEqual(claims.scopes, scopes)
  assert.equal(claims.scope, scopes.join(' '))
  for (const name of ['iat', 'nbf', 'exp']) assert.ok(Number.isInteger(claims[name]), name)
  assert.equal(claims.exp - claims.iat, 3600)
  assert.match(claims.jti, /^tkn_/)
  const { alg, typ } = header(token)
  assert.deepEqual([alg, typ], ['RS256', 'JWT'])
  const again = await client.generateClientToken(machine.clientId, secret)
  assert.notEqual((await client.validateToken(again)).jti, claims.jti)
  return { claims: Object.keys(claims).sort() }
})

await step('validate_access_token', async () => {
  const asked = { issuer: url, audience: [audience[1]], requiredScopes: scopes.slice(1) }
  assert.equal(await client.validateAccessToken(token, asked), true)
  for (const other of [
    { issuer: 'https://elsewhere.example.com' },
    { audience: ['https://elsewhere.example.com'] },
    { requiredScopes: ['orders:delete'] },
  ]) {
    assert.equal(await client.validateAccessToken(token, { ...asked, ...other }), false)
    const error = await failureOf(client.validateToken(token, { ...asked, ...other }))
    assert.ok(error instanceof ScalekitValidateTokenFailureException, String(error))
  }
  assert.equal(await client.validateAccessToken(`${token.slice(0, -8)}AAAAAAAA`, asked), false)
  assert.equal(await client.validateAccessToken(await client.getClientAccessToken()), true)
  assert.equal(client.verifyScopes(token, scopes), true)
  assert.throws(
    () => client.verifyScopes(token, ['orders:delete']),
    ScalekitValidateTokenFailureException,
  )
})

await step('wrong_secret', async () => {
  const wrong = await noToken(machine.clientId, `${secret}x`)
  assert.deepEqual(await noToken(nobody, secret), wrong)
  assert.deepEqual(await noToken(plain.clientId, secret), wrong)
  return wrong
})

await step('management_api', async () => {
  const stranger = new ScalekitClient(url, machine.clientId, secret)
  const error = await failureOf(stranger.organization.getOrganization(acme))
  assert.ok(error instanceof ScalekitForbiddenException, String(error))
  assert.equal(error.errorCode, 'PERMISSION_DENIED')
  const listed = await failureOf(stranger.m2m.listOrganizationClients(acme))
  assert.ok(listed instanceof ScalekitForbiddenException, String(listed))
})

await step('es256', async () => {
  const changed = await fetch(`${url}/api/v1/clients/${machine.clientId}/settings`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${client.coreClient.accessToken}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ access_token_signing_alg: 'ES256' }),
  })
  assert.equal(changed.status, 200, await changed.text())
  const curve = await soon(async () => {
    const issued = await client.generateClientToken(machine.clientId, secret)
    assert.equal(header(issued).alg, 'ES256')
    return issued
  })
  // This SDK knows both, where it has read the keys anew.
  const fresh = new ScalekitClient(url, clientId, clientSecret)
  const asked = { issuer: url, audience, requiredScopes: scopes }
  assert.equal(await fresh.validateAccessToken(curve, asked), true)
  assert.equal(await fresh.validateAccessToken(token, asked), true)
})

await step('secrets', async () => {
  const second = await machines.addOrganizationClientSecret(acme, plain.clientId)
  third = await machines.addOrganizationClientSecret(acme, plain.clientId)
  assert.ok(second.plainSecret.endsWith(second.secret.secretSuffix))
  const shown = (await get(acme, plain.clientId)).secrets
  assert.deepEqual(shown.slice(1).map(({ id }) => id), [second.secret.id, third.secret.id])
  assert.ok(shown.every(({ plainSecret }) => !plainSecret))
  for (const { plainSecret } of [second, third]) {
    assert.ok(await client.generateClientToken(plain.clientId, plainSecret))
  }
  for (const id of [shown[0].id, second.secret.id]) {
    await machines.removeOrganizationClientSecret(acme, plain.clientId, id)
  }
  const left = (await get(acme, plain.clientId)).secrets
  assert.deepEqual(left.map(({ id }) => id), [third.secret.id])
  await soon(() => noToken(plain.clientId, second.plainSecret))
  assert.ok(await client.generateClientToken(plain.clientId, third.plainSecret))
})

await step('last_secret', async () => {
  const { message } = await badRequest(
    machines.removeOrganizationClientSecret(acme, plain.clientId, third.secret.id),
  )
  assert.equal(message, '[invalid_argument] last client cannot be deleted')
  assert.ok(await client.generateClientToken(plain.clientId, third.plainSecret))
  return { message }
})

await step('not_found', async () => {
  const secretId = machine.secrets[0].id
  for (const [organizationId, id] of [
    [acme, nobody],
    [globex, machine.clientId],
  ]) {
    await notFound(get(organizationId, id))
    await notFound(update(organizationId, id, { name: 'Nobody' }))
    await notFound(machines.deleteOrganizationClient(organizationId, id))
    await notFound(machines.addOrganizationClientSecret(organizationId, id))
    await notFound(machines.removeOrganizationClientSecret(organizationId, id, secretId))
  }
  await notFound(
    machines.removeOrganizationClientSecret(acme, machine.clientId, `sec_${unknown}`),
  )
  await notFound(machines.listOrganizationClients(nowhere))
  const { message } = await notFound(machines.createOrganizationClient(nowhere, { name: 'No' }))
  return { message }
})

await step('bad_field', async () => {
  const refuse = (options) => machines.createOrganizationClient(acme, { name: 'Bad', ...options })
  await badField('name', refuse({ name: 'x'.repeat(129) }))
  await badField('description', refuse({ description: 'x'.repeat(513) }))
  await badField('client_id', get(acme, `skc_${unknown}`))
  await badRequest(refuse({ scopes: ['two words'] }))
  return { violations: await badField('key', refuse({ customClaims: { '': '' } })) }
})

await step('delete', async () => {
  await machines.deleteOrganizationClient(acme, machine.clientId)
  await notFound(get(acme, machine.clientId))
  await notFound(machines.deleteOrganizationClient(acme, machine.clientId))
  await soon(() => noToken(machine.clientId, secret))
  // What it had is good by its signature.
  assert.equal(await client.validateAccessToken(token), true)
})

await step('delete_organization', async () => {
  await client.organization.deleteOrganization(acme)
  await notFound(get(acme, plain.clientId))
  await soon(() => noToken(plain.clientId, third.plainSecret))
  await client.organization.deleteOrganization(globex)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
