// Drive OrganizationService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import sdk from '@scalekit-sdk/node'
import commons from '@scalekit-sdk/node/lib/pkg/grpc/scalekit/v1/commons/commons_pb.js'
import messages from '@scalekit-sdk/node/lib/pkg/grpc/scalekit/v1/organizations/organizations_pb.js'

import {
  badField,
  clientId,
  clientSecret,
  duplicate,
  failureOf,
  notFound,
  readPages,
  run,
  step,
  unknown,
  url,
} from './steps.mjs'

const { ScalekitClient } = sdk
const { SessionPolicyType } = messages
const { TimeUnit } = commons

const client = new ScalekitClient(url, clientId, clientSecret)
const organizations = client.organization

async function create(name, options) {
  return (await organizations.createOrganization(name, options)).organization
}

async function get(id) {
  return (await organizations.getOrganization(id)).organization
}

let acme
let ours

await step('create', async () => {
  // createOrganization takes no metadata.
  const options = {
    externalId: `acme-${run}`,
    slug: `acme-${run}`,
    logoUrl: 'https://example.com/acme.png',
  }
  acme = await create(`Acme ${run}`, options)
  assert.match(acme.id, /^org_/)
  assert.equal(acme.displayName, `Acme ${run}`)
  for (const [name, value] of Object.entries(options)) assert.equal(acme[name], value)
  assert.ok(acme.createTime.seconds > 0n)
  assert.ok(acme.updateTime.seconds > 0n)
  return { id: acme.id }
})

await step('get', async () => {
  assert.deepEqual(await get(acme.id), acme)
})

await step('get_by_external_id', async () => {
  const found = await organizations.getOrganizationByExternalId(`acme-${run}`)
  assert.deepEqual(found.organization, acme)
})

await step('update_by_id', async () => {
  const gold = await organizations.updateOrganization(acme.id, {
    metadata: { plan: 'gold', region: 'eu-west' },
  })
  assert.deepEqual(gold.organization.metadata, { plan: 'gold', region: 'eu-west' })
  const silver = await organizations.updateOrganization(acme.id, { metadata: { plan: 'silver' } })
  assert.deepEqual(silver.organization.metadata, { plan: 'silver' })
  assert.equal(silver.organization.displayName, acme.displayName)
  assert.equal(silver.organization.externalId, acme.externalId)
  assert.equal(silver.organization.slug, acme.slug)
  assert.deepEqual(await get(acme.id), silver.organization)
})

await step('update_by_external_id', async () => {
  const updated = await organizations.updateOrganizationByExternalId(`acme-${run}`, {
    displayName: `Acme Two ${run}`,
  })
  assert.equal(updated.organization.id, acme.id)
  const read = await get(acme.id)
  assert.equal(read.displayName, `Acme Two ${run}`)
  assert.deepEqual(read.metadata, { plan: 'silver' })
})

await step('update_as_documented', async () => {
  const { organization } = await organizations.updateOrganization(acme.id, {
    displayName: `Acme Three ${run}`,
    externalId: `acme-three-${run}`,
  })
  assert.equal(organization.displayName, `Acme Three ${run}`)
  assert.equal(organization.externalId, `acme-three-${run}`)
  assert.deepEqual(await get(acme.id), organization)
})

await step('list_pages', async () => {
  ours = [acme.id]
  for (const n of [0, 1, 2, 3]) ours.push((await create(`Branch ${n} ${run}`)).id)
  const listed = await readPages(async (pageToken) => {
    const page = await organizations.listOrganization({ pageSize: 2, pageToken })
    return [page.organizations, page]
  }, ours)
  return { listed: listed.length }
})

await step('search', async () => {
  const found = await organizations.searchOrganization(`BRANCH 2 ${run}`.toUpperCase(), 10)
  assert.deepEqual(found.organizations.map(({ id }) => id), [ours[3]])
  assert.equal(found.totalSize, 1)
  const none = await organizations.searchOrganization(`nothing-${run}`, 10)
  assert.deepEqual(none.organizations, [])
  assert.equal(none.totalSize, 0)
  assert.equal(none.nextPageToken, '')
})

await step('settings', async () => {
  const { organization } = await organizations.updateOrganizationSettings(acme.id, {
    features: [{ name: 'sso', enabled: false }, { name: 'dir_sync', enabled: true }],
  })
  const pairs = organization.settings.features.map(({ name, enabled }) => [name, enabled])
  assert.deepEqual(pairs.slice(0, 2), [['sso', false], ['dir_sync', true]])
  assert.deepEqual((await get(acme.id)).settings, organization.settings)
})

await step('user_management_get', async () => {
  const fresh = await organizations.getOrganizationUserManagementSetting(acme.id)
  assert.equal(fresh.settings.maxAllowedUsers, undefined)
  await organizations.upsertUserManagementSettings(acme.id, { maxAllowedUsers: 25 })
  const limited = await organizations.getOrganizationUserManagementSetting(acme.id)
  assert.equal(limited.settings.maxAllowedUsers, 25)
})

await step('user_management', async () => {
  for (const maxAllowedUsers of [25, 0]) {
    const stored = await organizations.upsertUserManagementSettings(acme.id, { maxAllowedUsers })
    assert.equal(stored.maxAllowedUsers, maxAllowedUsers)
  }
})

function assertFollowsApplication(policy) {
  assert.equal(policy.policySource, SessionPolicyType.APPLICATION)
  assert.equal(policy.absoluteSessionTimeout, undefined)
  assert.equal(policy.absoluteSessionTimeoutUnit, undefined)
  assert.equal(policy.idleSessionTimeoutEnabled, undefined)
  assert.equal(policy.idleSessionTimeout, undefined)
  assert.equal(policy.idleSessionTimeoutUnit, undefined)
}

await step('session_policy_custom', async () => {
  assertFollowsApplication(await organizations.getOrganizationSessionPolicy(acme.id))
  const policy = await organizations.updateOrganizationSessionPolicy(acme.id, {
    policySource: 'CUSTOM',
    absoluteSessionTimeout: 360,
    absoluteSessionTimeoutUnit: 'MINUTES',
    idleSessionTimeoutEnabled: true,
    idleSessionTimeout: 60,
    idleSessionTimeoutUnit: 'MINUTES',
  })
  assert.equal(policy.policySource, SessionPolicyType.CUSTOM)
  assert.equal(policy.absoluteSessionTimeout, 360)
  assert.equal(policy.absoluteSessionTimeoutUnit, TimeUnit.MINUTES)
  assert.equal(policy.idleSessionTimeoutEnabled, true)
  assert.equal(policy.idleSessionTimeout, 60)
  assert.equal(policy.idleSessionTimeoutUnit, TimeUnit.MINUTES)
  assert.deepEqual(await organizations.getOrganizationSessionPolicy(acme.id), policy)
})

await step('session_policy_application', async () => {
  const policy = { policySource: 'APPLICATION' }
  assertFollowsApplication(await organizations.updateOrganizationSessionPolicy(acme.id, policy))
  assertFollowsApplication(await organizations.getOrganizationSessionPolicy(acme.id))
})

await step('portal_link', async () => {
  const link = await organizations.generatePortalLink(acme.id)
  assert.ok(link.id)
  assert.ok(link.location.startsWith(url), link.location)
  assert.ok(Number(link.expireTime.seconds) > Date.now() / 1000)
  return { id: link.id }
})

await step('not_found', async () => {
  return { message: (await notFound(get(`org_${unknown}`))).message }
})

await step('bad_field', async () => {
  await badField('display_name', create(''))
  return { violations: await badField('display_name', create('x'.repeat(201))) }
})

await step('duplicate_external_id', async () => {
  const twin = create('Twin', { externalId: `acme-three-${run}` })
  return { message: (await duplicate('external_id', twin)).message }
})

await step('wrong_secret', async () => {
  // A refused token request comes out as axios raised it.
  const stranger = new ScalekitClient(url, clientId, `${clientSecret}x`)
  const error = await failureOf(stranger.organization.getOrganization(acme.id))
  assert.equal(error.response?.status, 401)
  assert.ok(error.response.data.error)
  return { error: error.response.data.error }
})

await step('stale_token', async () => {
  const late = new ScalekitClient(url, clientId, clientSecret)
  const stale = client.coreClient.accessToken.replace(/\.[^.]*$/, '.c3RhbGU')
  late.coreClient.accessToken = stale
  const read = await late.organization.getOrganization(acme.id)
  assert.equal(read.organization.id, acme.id)
  assert.notEqual(late.coreClient.accessToken, stale)
})

await step('delete', async () => {
  for (const id of ours) {
    await organizations.deleteOrganization(id)
    await notFound(get(id))
  }
  await notFound(organizations.deleteOrganization(acme.id))
  return { deleted: ours.length }
})

await step('external_id_is_free_again', async () => {
  const heir = await create('Heir', { externalId: `acme-three-${run}` })
  assert.notEqual(heir.id, acme.id)
  await organizations.deleteOrganization(heir.id)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
