// Drive DirectoryService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import sdk from '@scalekit-sdk/node'
import messages from '@scalekit-sdk/node/lib/pkg/grpc/scalekit/v1/directories/directories_pb.js'

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
const { LDAP, SCIM } = messages.DirectoryType
const { MICROSOFT_AD, OKTA } = messages.DirectoryProvider

const client = new ScalekitClient(url, clientId, clientSecret)
const directories = client.directory

async function createOrganization(name) {
  return (await client.organization.createOrganization(`${name} ${run}`)).organization.id
}

async function create(directoryType = SCIM, directoryProvider = OKTA, organizationId = acme) {
  const given = { directoryType, directoryProvider }
  return (await directories.createDirectory(organizationId, given)).directory
}

async function get(id) {
  return (await directories.getDirectory(acme, id)).directory
}

async function sent(address, bearer, body) {
  const answer = await fetch(address, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.ok(answer.ok, String(answer.status))
  return answer.json()
}

const acme = await createOrganization('Acme')
const globex = await createOrganization('Globex')
let okta
let entra

await step('create', async () => {
  okta = await create()
  assert.match(okta.id, /^dir_/)
  assert.equal(okta.directoryType, SCIM)
  assert.equal(okta.directoryProvider, OKTA)
  assert.equal(okta.organizationId, acme)
  assert.equal(okta.status, 'DRAFT')
  assert.equal(okta.enabled, true)
  assert.equal(okta.directoryEndpoint, `${url}/directory/${okta.id}/scim/v2`)
})

await step('create_refused', async () => {
  await badRequest(create(LDAP))
})

await step('get', async () => {
  assert.deepEqual(await get(okta.id), okta)
})

await step('list', async () => {
  entra = await create(SCIM, MICROSOFT_AD)
  const listed = (await directories.listDirectories(acme)).directories
  assert.deepEqual(listed.map((one) => one.id), [okta.id, entra.id])
  const primary = await directories.getPrimaryDirectoryByOrganizationId(acme)
  assert.equal(primary.id, okta.id)
})

await step('enable_and_disable', async () => {
  assert.equal((await directories.enableDirectory(acme, okta.id)).enabled, true)
  assert.equal((await get(okta.id)).enabled, true)
  assert.equal((await directories.disableDirectory(acme, okta.id)).enabled, false)
})

await step('people', async () => {
  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }
  const token = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  }).then((answer) => answer.json())
  const domain = `${run}.example.org`
  await client.domain.createDomain(acme, domain, { domainType: 'ORGANIZATION_DOMAIN' })
  await directories.enableDirectory(acme, okta.id)
  const path = `organizations/${acme}/directories/${okta.id}/secrets`
  const { plain_secret: secret } = await sent(`${url}/api/v1/${path}`, token.access_token, {})
  const scim = okta.directoryEndpoint
  const person = { userName: `ada@${domain}`, externalId: '00u1' }
  const ada = await sent(`${scim}/Users`, secret, person)
  const members = [{ value: ada.id }]
  const group = await sent(`${scim}/Groups`, secret, { displayName: 'Engineering', members })
  const page = await directories.listDirectoryUsers(acme, okta.id, { includeDetail: true })
  assert.equal(page.totalSize, 1)
  assert.equal(page.users[0].id, ada.id)
  assert.equal(page.users[0].email, `ada@${domain}`)
  assert.deepEqual(page.users[0].groups.map((one) => one.id), [group.id])
  assert.equal(page.users[0].userDetail.externalId, '00u1')
  const groups = (await directories.listDirectoryGroups(acme, okta.id)).groups
  assert.deepEqual(groups.map((one) => [one.id, one.totalUsers]), [[group.id, 1]])
  const those = { directoryGroupId: group.id, pageSize: 1 }
  assert.equal((await directories.listDirectoryUsers(acme, okta.id, those)).users.length, 1)
})

await step('not_found', async () => {
  await notFound(get(`dir_${unknown}`))
  await notFound(directories.getDirectory(globex, okta.id))
  await notFound(directories.enableDirectory(globex, okta.id))
  await notFound(create(SCIM, OKTA, `org_${unknown}`))
})

await step('delete', async () => {
  for (const one of [okta, entra]) {
    await badRequest(directories.deleteDirectory(acme, one.id))
    await directories.disableDirectory(acme, one.id)
    await directories.deleteDirectory(acme, one.id)
  }
  await notFound(get(okta.id))
  assert.deepEqual((await directories.listDirectories(acme)).directories, [])
  await client.organization.deleteOrganization(acme)
  await client.organization.deleteOrganization(globex)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
