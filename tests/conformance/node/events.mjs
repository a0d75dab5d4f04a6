// Drive EventsService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import { timestampMs } from '@bufbuild/protobuf/wkt'
import sdk from '@scalekit-sdk/node'

import { badField, badRequest, clientId, clientSecret, run, step, url } from './steps.mjs'

const { ObjectType, ScalekitClient, Source } = sdk

const client = new ScalekitClient(url, clientId, clientSecret)

const page = (pageSize, pageToken, narrow = {}) =>
  client.events.listEventsPaginated(pageSize, pageToken, { organizationId: acme, ...narrow })
const ids = ({ events }) => events.map(({ id }) => id)
const types = ({ events }) => events.map(({ type }) => type)

const options = { externalId: `acme-${run}` }
const created = await client.organization.createOrganization(`Acme ${run}`, options)
const acme = created.organization.id
for (let number = 0; number < 4; number += 1) {
  await client.organization.updateOrganization(acme, { displayName: `Acme ${number}` })
}
await client.organization.deleteOrganization(acme)

await step('envelope', async () => {
  const { events } = await page()
  const [deleted, first] = [events.at(0), events.at(-1)]
  assert.equal(first.specVersion, '1')
  assert.match(first.id, /^evt_\d+$/)
  assert.equal(first.type, 'organization.created')
  assert.equal(first.object, ObjectType.Organization)
  assert.match(first.environmentId, /^env_\d+$/)
  assert.equal(first.organizationId, acme)
  assert.ok(first.displayName)
  assert.equal(first.data.id, acme)
  assert.equal(first.data.external_id, `acme-${run}`)
  assert.ok(deleted.data.deleted_at)
  assert.ok(timestampMs(first.occurredAt) <= timestampMs(deleted.occurredAt))
  return { id: first.id }
})

const every = ids(await page(100))

await step('newest_first', async () => {
  assert.deepEqual(types(await page()), [
    'organization.deleted',
    ...Array(4).fill('organization.updated'),
    'organization.created',
  ])
})

const one = await page(2, '')

await step('pages', async () => {
  const two = await page(2, one.nextPageToken)
  const three = await page(2, two.nextPageToken)
  assert.deepEqual([one, two, three].flatMap(ids), every)
  assert.equal(one.prevPageToken, '')
  assert.equal(three.nextPageToken, '')
  assert.deepEqual(ids(await page(2, three.prevPageToken)), ids(two))
})

await step('by_type', async () => {
  const eventTypes = ['organization.created', 'organization.deleted']
  assert.deepEqual(types(await page(10, '', { eventTypes })), [...eventTypes].reverse())
  assert.deepEqual(types(await page(10, '', { eventTypes: ['role.created'] })), [])
})

await step('by_time', async () => {
  const at = (await page(100)).events[2].occurredAt
  assert.deepEqual(ids(await page(10, '', { startTime: at })), every.slice(0, 3))
  assert.deepEqual(ids(await page(10, '', { endTime: at })), every.slice(2))
  assert.deepEqual(ids(await page(10, '', { startTime: at, endTime: at })), every.slice(2, 3))
})

await step('by_source', async () => {
  assert.deepEqual(ids(await page(10, '', { source: Source.SCALEKIT })), every)
  assert.deepEqual(ids(await page(10, '', { connectionId: 'conn_1' })), [])
})

await step('bad_filter', async () => {
  const unknown = { eventTypes: ['organization.renamed'] }
  await badField('filter.event_types[0]', page(10, '', unknown))
  await badRequest(page(2, `${one.nextPageToken}x`))
})

// The SDK keeps its connection open.
process.exit()
