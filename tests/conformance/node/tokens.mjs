// Drive ApiTokenService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt'
import sdk from '@scalekit-sdk/node'

import {
  badField,
  badRequest,
  clientId,
  clientSecret,
  failureOf,
  notFound,
  refused,
  run,
  soon,
  step,
  unknown,
  url,
} from './steps.mjs'

const { ScalekitClient, ScalekitValidateTokenFailureException } = sdk

const nothing = `apit_${unknown}`
const nowhere = `org_${unknown}`

const client = new ScalekitClient(url, clientId, clientSecret)
const tokens = client.token

async function createOrganization(name) {
  const options = { externalId: `${name}-${run}` }
  const created = await client.organization.createOrganization(`${name} ${run}`, options)
  return created.organization.id
}

async function createUser(name, sendInvitationEmail = false) {
  const created = await client.user.createUserAndMembership(acme, {
    email: `${name}.${run}@example.com`,
    externalId: `${name}-${run}`,
    sendInvitationEmail,
  })
  return created.user
}

async function validate(token) {
  return (await tokens.validateToken(token)).tokenInfo
}

async function dead(token) {
  const error = await failureOf(tokens.validateToken(token))
  assert.ok(error instanceof ScalekitValidateTokenFailureException, String(error))
  assert.match(error.message, /^\[not_found\] .*not found/)
  return error.message
}

async function deadSoon(...dying) {
  for (const token of dying) await soon(() => dead(token))
}

async function list(options) {
  return (await tokens.listTokens(acme, options)).tokens.map(({ tokenId }) => tokenId)
}

function after(seconds) {
  return timestampFromDate(new Date(Date.now() + seconds * 1000))
}

const acme = await createOrganization('Acme')
const globex = await createOrganization('Globex')
const jane = await createUser('jane')
const invited = await createUser('invited', true)
let plain
let full
let brief
let updated

await step('create', async () => {
  plain = await tokens.createToken(acme)
  assert.match(plain.tokenId, /^apit_/)
  const info = plain.tokenInfo
  assert.equal(info.tokenId, plain.tokenId)
  assert.equal(info.organizationId, acme)
  assert.equal(info.organizationExternalId, `Acme-${run}`)
  assert.ok(plain.token.endsWith(info.tokenSuffix))
  assert.equal(info.tokenSuffix.length, 4)
  assert.ok(info.createdAt.seconds > 0n)
  for (const name of ['userId', 'userExternalId', 'email', 'expiry']) {
    assert.equal(info[name], undefined)
  }
  assert.deepEqual(info.customClaims, {})
  assert.deepEqual(info.roles, [])
  return { id: plain.tokenId }
})

const customClaims = { scope: 'orders:read', team: 'données' }

await step('create_for_user', async () => {
  const expiry = after(3600)
  full = await tokens.createToken(acme, {
    userId: jane.id,
    customClaims,
    expiry,
    description: 'For the nightly job',
  })
  const info = full.tokenInfo
  assert.equal(info.userId, jane.id)
  assert.equal(info.userExternalId, `jane-${run}`)
  assert.equal(info.email, jane.email)
  assert.deepEqual(info.roles, ['member'])
  assert.deepEqual(info.customClaims, customClaims)
  assert.equal(timestampMs(info.expiry), timestampMs(expiry))
  assert.equal(info.description, 'For the nightly job')
})

await step('create_refused', async () => {
  await badRequest(tokens.createToken(acme, { userId: invited.id }))
  await refused(tokens.createToken(acme, { userId: `usr_${unknown}` }))
  await refused(tokens.createToken(globex, { userId: jane.id }))
  await refused(tokens.createToken(nowhere))
  await badRequest(tokens.createToken(acme, { expiry: after(-3600) }))
})

await step('bad_field', async () => {
  const refuse = (options) => tokens.createToken(acme, options)
  await badField('description', refuse({ description: 'x'.repeat(256) }))
  await badField('custom_claims', refuse({ customClaims: { ['x'.repeat(31)]: '1' } }))
  await badField('custom_claims', refuse({ customClaims: { x: '1'.repeat(257) } }))
  await badField('custom_claims', refuse({ customClaims: { x: '' } }))
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`claim${n}`, '1']))
  await badField('custom_claims', refuse({ customClaims: many }))
  return { violations: await badField('page_size', tokens.listTokens(acme, { pageSize: 31 })) }
})

await step('validate', async () => {
  for (const { token, tokenId, tokenInfo } of [plain, full]) {
    assert.deepEqual(await validate(token), tokenInfo)
    assert.deepEqual(await validate(tokenId), tokenInfo)
  }
})

await step('validate_dead', async () => {
  const message = await dead(nothing)
  assert.equal(await dead('no-token'), message)
  const swapped = plain.token.endsWith('A') ? 'B' : 'A'
  assert.equal(await dead(plain.token.slice(0, -1) + swapped), message)
  brief = await tokens.createToken(acme, { expiry: after(1.5) })
  assert.deepEqual(await validate(brief.token), brief.tokenInfo)
  await sleep(timestampMs(brief.tokenInfo.expiry) - Date.now())
  await deadSoon(brief.token, brief.tokenId)
  return { message }
})

await step('update', async () => {
  const update = async (token, change) => (await tokens.updateToken(token, change)).tokenInfo
  updated = await update(full.token, { description: 'For the daily job' })
  assert.equal(updated.description, 'For the daily job')
  assert.deepEqual(updated.customClaims, customClaims)
  updated = await update(full.tokenId, { customClaims: { tier: 'gold' } })
  assert.deepEqual(updated.customClaims, { tier: 'gold' })
  assert.equal(updated.description, 'For the daily job')
  updated = await update(full.tokenId, { customClaims: {}, description: '' })
  assert.deepEqual(updated.customClaims, { tier: 'gold' })
  assert.ok(!updated.description)
  await soon(async () => assert.deepEqual(await validate(full.token), updated))
})

await step('update_refused', async () => {
  const { message } = await notFound(tokens.updateToken(nothing, { description: 'x' }))
  await notFound(tokens.updateToken(brief.token, { description: 'x' }))
  await badField('custom_claims', tokens.updateToken(full.token, { customClaims: { tier: '' } }))
  const long = { description: 'x'.repeat(256) }
  await badField('description', tokens.updateToken(full.token, long))
  return { message }
})

await step('list_pages', async () => {
  const page = (pageToken) => tokens.listTokens(acme, { pageSize: 1, pageToken })
  const first = await page()
  const second = await page(first.nextPageToken)
  assert.deepEqual(first.tokens, [updated])
  assert.deepEqual(second.tokens, [plain.tokenInfo])
  assert.deepEqual([first.totalCount, second.totalCount], [2, 2])
  assert.equal(second.nextPageToken, '')
  assert.deepEqual((await page(second.prevPageToken)).tokens, [updated])
  assert.deepEqual(await list(), [full.tokenId, plain.tokenId])
  assert.deepEqual((await tokens.listTokens(globex)).tokens, [])
  await notFound(tokens.listTokens(nowhere))
  return { listed: first.totalCount }
})

await step('list_by_user', async () => {
  assert.deepEqual(await list({ userId: jane.id }), [full.tokenId])
  assert.deepEqual(await list({ userId: invited.id }), [])
})

await step('invalidate', async () => {
  const spare = await tokens.createToken(acme)
  assert.deepEqual(await validate(spare.token), spare.tokenInfo)
  await tokens.invalidateToken(spare.token)
  await deadSoon(spare.token, spare.tokenId)
  for (const again of [spare.tokenId, nothing, 'no-token']) await tokens.invalidateToken(again)
  assert.ok(!(await list()).includes(spare.tokenId))
  await notFound(tokens.updateToken(spare.token, { description: 'x' }))
})

await step('membership_ends', async () => {
  await client.user.deleteMembership(acme, jane.id)
  await deadSoon(full.token, full.tokenId)
  await client.user.createMembership(acme, jane.id, { sendInvitationEmail: false })
  await deadSoon(full.token)
  assert.deepEqual(await list(), [plain.tokenId])
})

await step('delete_organization', async () => {
  await client.organization.deleteOrganization(acme)
  await deadSoon(plain.token, plain.tokenId)
  await client.organization.deleteOrganization(globex)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
