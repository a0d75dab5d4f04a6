// Drive DomainService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import sdk from '@scalekit-sdk/node'
import messages from '@scalekit-sdk/node/lib/pkg/grpc/scalekit/v1/domains/domains_pb.js'

import {
  badRequest,
  clientId,
  clientSecret,
  duplicate,
  notFound,
  run,
  step,
  unknown,
  url,
} from './steps.mjs'

const { ScalekitClient } = sdk
const { DomainType, VerificationMethod, VerificationStatus } = messages
const { ORGANIZATION_DOMAIN: owned, ALLOWED_EMAIL_DOMAIN: allowed } = DomainType

const nowhere = `org_${unknown}`

const client = new ScalekitClient(url, clientId, clientSecret)
const domains = client.domain

async function createOrganization(name) {
  return (await client.organization.createOrganization(`${name} ${run}`)).organization.id
}

async function create(organizationId, name, domainType) {
  return (await domains.createDomain(organizationId, name, { domainType })).domain
}

async function get(organizationId, id) {
  return (await domains.getDomain(organizationId, id)).domain
}

async function list(organizationId, domainType) {
  return (await domains.listDomains(organizationId, { domainType })).domains
}

const acme = await createOrganization('Acme')
const globex = await createOrganization('Globex')
let domain
let typed

await step('empty_list', async () => {
  assert.deepEqual(await list(acme), [])
})

await step('create', async () => {
  domain = (await domains.createDomain(acme, `acme-${run}.com`)).domain
  assert.match(domain.id, /^dom_/)
  assert.equal(domain.domain, `acme-${run}.com`)
  assert.equal(domain.organizationId, acme)
  assert.match(domain.environmentId, /^env_/)
  assert.equal(domain.domainType, owned)
  assert.equal(domain.verificationStatus, VerificationStatus.VERIFIED)
  assert.equal(domain.verificationMethod, VerificationMethod.ADMIN)
  assert.ok(domain.createTime.seconds > 0n)
  assert.ok(domain.updateTime.seconds > 0n)
  return { id: domain.id }
})

await step('create_typed', async () => {
  typed = [
    await create(acme, `owned.acme-${run}.com`, owned),
    await create(acme, `allowed-${run}.com`, allowed),
    await create(acme, `owned-${run}.test`, 'ORGANIZATION_DOMAIN'),
    await create(acme, `allowed.allowed-${run}.com`, 'ALLOWED_EMAIL_DOMAIN'),
  ]
  assert.deepEqual(typed.map(({ domainType }) => domainType), [owned, allowed, owned, allowed])
  assert.equal(typed[1].verificationMethod, VerificationMethod.NOT_APPLICABLE)
})

await step('get', async () => {
  assert.deepEqual(await get(acme, domain.id), domain)
})

await step('list', async () => {
  assert.deepEqual(await list(acme), [...typed].reverse().concat(domain))
  assert.deepEqual(await list(globex), [])
})

await step('list_by_type', async () => {
  assert.deepEqual(await list(acme, owned), [typed[2], typed[0], domain])
  assert.deepEqual(await list(acme, 'ALLOWED_EMAIL_DOMAIN'), [typed[3], typed[1]])
})

await step('refused', async () => {
  const names = ['acme', 'gmail.com', 'mailinator.com', `under_score-${run}.com`]
  for (const name of names) await badRequest(create(acme, name))
  await badRequest(create(acme, 'outlook.com', allowed))
})

await step('duplicate', async () => {
  const { message } = await duplicate('domain', create(acme, domain.domain))
  await duplicate('domain', create(globex, domain.domain))
  await duplicate('domain', create(acme, domain.domain.toUpperCase()))
  return { message }
})

await step('not_found', async () => {
  const { message } = await notFound(get(acme, `dom_${unknown}`))
  await notFound(get(globex, domain.id))
  await notFound(domains.deleteDomain(globex, domain.id))
  await notFound(domains.deleteDomain(acme, `dom_${unknown}`))
  await notFound(create(nowhere, `nowhere-${run}.com`))
  await notFound(list('no-organization-id'))
  await notFound(get(nowhere, domain.id))
  return { message }
})

await step('delete', async () => {
  await domains.deleteDomain(acme, domain.id)
  await notFound(get(acme, domain.id))
  await notFound(domains.deleteDomain(acme, domain.id))
  assert.ok(!(await list(acme)).some(({ id }) => id === domain.id))
})

await step('domain_is_free_again', async () => {
  assert.notEqual((await create(globex, domain.domain)).id, domain.id)
  await client.organization.deleteOrganization(globex)
  await create(acme, domain.domain)
  await client.organization.deleteOrganization(acme)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
