// Drive UserService with the official Node SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.

import assert from 'node:assert/strict'

import sdk from '@scalekit-sdk/node'
import commons from '@scalekit-sdk/node/lib/pkg/grpc/scalekit/v1/commons/commons_pb.js'

import {
  badField,
  badRequest,
  clientId,
  clientSecret,
  duplicate,
  notFound,
  readPages,
  refused,
  run,
  step,
  unknown,
  url,
} from './steps.mjs'

const { ScalekitClient } = sdk
const { MembershipStatus } = commons

const day = 24 * 60 * 60
const nobody = `usr_${unknown}`
const nowhere = `org_${unknown}`

const client = new ScalekitClient(url, clientId, clientSecret)
const users = client.user

async function createOrganization(name) {
  return (await client.organization.createOrganization(`${name} ${run}`)).organization.id
}

function email(name) {
  return `${name}.${run}@example.com`
}

// Without an invitation, unless the options ask for one.
async function create(organizationId, name, options = {}) {
  const fields = { email: email(name), sendInvitationEmail: false, ...options }
  return (await users.createUserAndMembership(organizationId, fields)).user
}

async function get(id) {
  return (await users.getUser(id)).user
}

function membership(user, organizationId) {
  return user.memberships.find((each) => each.organizationId === organizationId)
}

function names(list) {
  return list.map(({ name }) => name).sort()
}

function ids(list) {
  return list.map(({ id }) => id)
}

async function held(organizationId, userId) {
  return names((await users.listUserRoles(organizationId, userId)).roles)
}

async function memberIds(organizationId) {
  return ids((await users.listOrganizationUsers(organizationId)).users)
}

const active = { sendInvitationEmail: false }
const acme = await createOrganization('Acme')
const globex = await createOrganization('Globex')
const initech = await createOrganization('Initech')
const environmentRoles = (await client.role.listRoles()).roles
const defaultRole = environmentRoles.find((role) => role.defaultMember).name

let ada
let bob
let carl
let dora
let eve
let ours

await step('create_active', async () => {
  ada = await create(acme, 'ada', {
    externalId: `ada-${run}`,
    metadata: { plan: 'gold', team: 'engines' },
    userProfile: { firstName: 'Ada', lastName: 'Lovelace' },
  })
  assert.match(ada.id, /^usr_/)
  assert.equal(ada.email, email('ada'))
  assert.equal(ada.externalId, `ada-${run}`)
  assert.deepEqual(ada.metadata, { plan: 'gold', team: 'engines' })
  assert.match(ada.environmentId, /^env_/)
  assert.ok(ada.createTime.seconds > 0n)
  assert.ok(ada.updateTime.seconds > 0n)
  assert.equal(ada.userProfile.emailVerified, true)
  assert.equal(ada.memberships.length, 1)
  const place = membership(ada, acme)
  assert.equal(place.membershipStatus, MembershipStatus.ACTIVE)
  assert.deepEqual(names(place.roles), [defaultRole])
  assert.equal(place.displayName, `Acme ${run}`)
  assert.ok(place.joinTime.seconds > 0n)
  assert.equal(place.provisioningMethod, 'direct_provision')
  return { id: ada.id }
})

await step('create_invited', async () => {
  bob = await create(acme, 'bob', { sendInvitationEmail: undefined })
  assert.equal(bob.userProfile.emailVerified, false)
  const place = membership(bob, acme)
  assert.equal(place.membershipStatus, MembershipStatus.PENDING_INVITE)
  assert.deepEqual(names(place.roles), [defaultRole])
  assert.equal(place.provisioningMethod, 'invitation')
  assert.ok(place.createdAt)
  assert.ok(place.joinTime)
  assert.equal(place.acceptedAt, undefined)
  assert.ok(Number(place.expiresAt.seconds) > Date.now() / 1000 + day)
  return { expires_in_days: Number(place.expiresAt.seconds - place.createdAt.seconds) / day }
})

await step('get', async () => {
  assert.deepEqual(await get(ada.id), ada)
  assert.deepEqual(await get(bob.id), bob)
})

await step('get_by_external_id', async () => {
  assert.deepEqual((await users.getUserByExternalId(`ada-${run}`)).user, ada)
})

function profileNames({ userProfile: profile }) {
  return [profile.givenName, profile.firstName, profile.familyName, profile.lastName]
}

await step('profile_names', async () => {
  assert.deepEqual(profileNames(ada), ['Ada', 'Ada', 'Lovelace', 'Lovelace'])
  carl = await create(acme, 'carl', { externalId: `carl-${run}` })
  const userProfile = { firstName: 'Carl' }
  assert.deepEqual(
    profileNames((await users.updateUser(carl.id, { userProfile })).user),
    ['Carl', 'Carl', '', ''],
  )
})

await step('update_by_id', async () => {
  const { user } = await users.updateUser(ada.id, {
    externalId: `ada-two-${run}`,
    userProfile: { firstName: 'Augusta' },
    metadata: { plan: 'silver' },
  })
  assert.equal(user.id, ada.id)
  assert.equal(user.email, ada.email)
  assert.equal(user.externalId, `ada-two-${run}`)
  assert.deepEqual(user.metadata, { plan: 'silver' })
  assert.deepEqual(profileNames(user), ['Augusta', 'Augusta', 'Lovelace', 'Lovelace'])
  assert.deepEqual(await get(ada.id), user)
  await notFound(users.getUserByExternalId(`ada-${run}`))
})

await step('update_by_external_id', async () => {
  const { user } = await users.updateUserByExternalId(`ada-two-${run}`, {
    userProfile: { lastName: 'King' },
  })
  assert.equal(user.id, ada.id)
  assert.deepEqual(profileNames(user), ['Augusta', 'Augusta', 'King', 'King'])
  assert.deepEqual(user.metadata, { plan: 'silver' })
  assert.deepEqual(await get(ada.id), user)
})

await step('list_pages', async () => {
  dora = await create(acme, 'dora')
  eve = await create(acme, 'eve', { externalId: `eve-${run}` })
  ours = ids([ada, bob, carl, dora, eve])
  const listed = await readPages(async (pageToken) => {
    const page = await users.listUsers({ pageSize: 2, pageToken })
    assert.ok(page.users.every((user) => user.environmentId))
    return [page.users, page]
  }, ours)
  return { listed: listed.length }
})

await step('list_organization_pages', async () => {
  const read = async (pageToken) => {
    const page = await users.listOrganizationUsers(acme, { pageSize: 2, pageToken })
    assert.equal(page.totalSize, ours.length)
    assert.ok(page.users.every((user) => user.environmentId && user.memberships.length === 1))
    return [page.users, page]
  }
  const newestFirst = [...ours].reverse()
  assert.deepEqual(await readPages(read, ours), newestFirst)
  const [found, first] = await read('')
  const [, second] = await read(first.nextPageToken)
  assert.equal(first.prevPageToken, '')
  assert.deepEqual((await read(second.prevPageToken))[0], found)
  assert.deepEqual(await memberIds(acme), newestFirst)
  assert.deepEqual(await memberIds(globex), [])
})

await step('search', async () => {
  const queries = [email('ada').toUpperCase(), `ada.${run}`, ada.id, `ADA-TWO-${run}`]
  for (const query of queries) {
    const found = await users.searchUsers(query, 10)
    assert.deepEqual(ids(found.users), [ada.id], query)
    assert.equal(found.totalSize, 1)
  }
  const first = await users.searchUsers(`.${run}@`, 3)
  assert.equal(first.totalSize, ours.length)
  const second = await users.searchUsers(`.${run}@`, 3, first.nextPageToken)
  assert.deepEqual(ids([...first.users, ...second.users]), [...ours].reverse())
  assert.equal(second.nextPageToken, '')
  const none = await users.searchUsers(`nothing-${run}`)
  assert.deepEqual(none.users, [])
  assert.equal(none.totalSize, 0)
  assert.equal(none.nextPageToken, '')
  await badField('query', users.searchUsers('ad'))
})

await step('search_organization', async () => {
  const found = await users.searchOrganizationUsers(acme, `ADA.${run}`)
  assert.deepEqual(ids(found.users), [ada.id])
  assert.equal(found.totalSize, 1)
  assert.equal(found.users[0].memberships.length, 1)
  const two = await users.searchOrganizationUsers(acme, run, 2)
  assert.deepEqual(ids(two.users), ids([eve, dora]))
  assert.equal(two.totalSize, ours.length)
  const none = await users.searchOrganizationUsers(globex, run)
  assert.deepEqual(none.users, [])
  assert.equal(none.totalSize, 0)
  await notFound(users.searchOrganizationUsers(nowhere, run))
})

await step('create_membership', async () => {
  const admin = { roles: ['admin'], metadata: { team: 'board' }, sendInvitationEmail: false }
  const joined = (await users.createMembership(globex, ada.id, admin)).user
  assert.equal(joined.id, ada.id)
  assert.equal(joined.memberships.length, 2)
  let place = membership(joined, globex)
  assert.equal(place.membershipStatus, MembershipStatus.ACTIVE)
  assert.deepEqual(names(place.roles), ['admin'])
  assert.deepEqual(place.metadata, { team: 'board' })
  assert.deepEqual(await get(ada.id), joined)
  place = membership((await users.createMembership(globex, bob.id)).user, globex)
  assert.equal(place.membershipStatus, MembershipStatus.PENDING_INVITE)
  assert.ok(place.joinTime)
  assert.deepEqual(names(place.roles), [defaultRole])
  for (const { id } of [carl, dora]) {
    await users.createMembership(globex, id, active)
    assert.deepEqual(await held(globex, id), [defaultRole])
  }
})

await step('create_membership_refused', async () => {
  await badRequest(users.createMembership(globex, ada.id))
  await refused(users.createMembership(globex, eve.id, { roles: [`nobody_${run}`] }))
  await notFound(users.createMembership(globex, nobody))
  await notFound(users.createMembership(nowhere, eve.id))
  assert.ok(!(await memberIds(globex)).includes(eve.id))
})

await step('update_membership', async () => {
  await users.createMembership(initech, ada.id, {
    roles: ['admin'],
    metadata: { team: 'board' },
    sendInvitationEmail: false,
  })
  const { user } = await users.updateMembership(initech, ada.id, { roles: [defaultRole] })
  assert.equal(user.memberships.length, 3)
  let place = membership(user, initech)
  assert.deepEqual(names(place.roles), [defaultRole])
  assert.deepEqual(place.metadata, { team: 'board' })
  assert.deepEqual(await held(initech, ada.id), [defaultRole])
  assert.deepEqual(await held(globex, ada.id), ['admin'])
  const change = { metadata: { floor: 'two' } }
  place = membership((await users.updateMembership(initech, ada.id, change)).user, initech)
  assert.deepEqual(place.metadata, { floor: 'two' })
  assert.deepEqual(names(place.roles), [defaultRole])
})

await step('membership_by_external_id', async () => {
  const externalId = `eve-${run}`
  const joined = (await users.createMembershipByExternalId(initech, externalId, active)).user
  assert.equal(joined.id, eve.id)
  assert.equal(membership(joined, initech).membershipStatus, MembershipStatus.ACTIVE)
  const change = { metadata: { level: 'senior' }, roles: ['admin'] }
  const { user } = await users.updateMembershipByExternalId(initech, externalId, change)
  assert.deepEqual(membership(user, initech).metadata, { level: 'senior' })
  assert.deepEqual(await held(initech, eve.id), ['admin'])
  // The last admin among others may not go, so ada becomes one too.
  await users.updateMembershipByExternalId(initech, `ada-two-${run}`, { roles: ['admin'] })
  await users.deleteMembershipByExternalId(initech, externalId)
  await refused(users.deleteMembershipByExternalId(initech, externalId))
  assert.equal((await get(eve.id)).id, eve.id)
})

const permissions = [`docs:read_${run}`, `docs:write_${run}`]
const [reader, writer] = [`reader_${run}`, `writer_${run}`]

await step('roles_and_permissions', async () => {
  for (const name of permissions) await client.permission.createPermission({ name })
  await client.role.createRole({
    name: reader,
    displayName: 'Reader',
    permissions: permissions.slice(0, 1),
  })
  await client.role.createRole({
    name: writer,
    displayName: 'Writer',
    extends: reader,
    permissions: permissions.slice(1),
  })
  // Active and invited.
  for (const { id } of [dora, bob]) {
    const { user } = await users.updateMembership(globex, id, { roles: [writer] })
    assert.deepEqual([...membership(user, globex).permissions].sort(), permissions)
    const { roles } = await users.listUserRoles(globex, id)
    assert.equal(roles.length, 1)
    assert.match(roles[0].id, /^role_/)
    assert.equal(roles[0].name, writer)
    assert.equal(roles[0].displayName, 'Writer')
    const effective = (await users.listUserPermissions(globex, id)).permissions
    assert.deepEqual(names(effective), permissions)
    assert.ok(effective.every((each) => each.id.startsWith('perm_')))
  }
  assert.ok(!(await held(acme, dora.id)).includes(writer))
})

await step('assign_and_remove_roles', async () => {
  const assign = async (...roles) =>
    names((await users.assignUserRoles(acme, dora.id, roles)).roles)
  const both = [defaultRole, reader].sort()
  assert.deepEqual(await assign(reader), both)
  assert.deepEqual(await assign(reader), both)
  assert.deepEqual(await held(acme, dora.id), both)
  await users.removeUserRole(acme, dora.id, defaultRole)
  assert.deepEqual(await held(acme, dora.id), [reader])
  await users.removeUserRole(acme, dora.id, reader)
  assert.deepEqual(await held(acme, dora.id), [])
  assert.deepEqual((await users.listUserPermissions(acme, dora.id)).permissions, [])
  assert.deepEqual(await assign(defaultRole), [defaultRole])
  await refused(users.assignUserRoles(acme, dora.id, [`nobody_${run}`]))
  await notFound(users.removeUserRole(acme, dora.id, `nobody_${run}`))
  await notFound(users.assignUserRoles(globex, eve.id, [reader]))
})

await step('resend_invite', async () => {
  const before = membership(await get(bob.id), acme)
  for (const count of [1, 2]) {
    const { invite } = await users.resendInvite(acme, bob.id)
    assert.equal(invite.organizationId, acme)
    assert.equal(invite.userId, bob.id)
    assert.equal(invite.status, 'PENDING_INVITE')
    assert.deepEqual(invite.createdAt, before.createdAt)
    assert.deepEqual(invite.expiresAt, before.expiresAt)
    assert.ok(invite.resentAt)
    assert.equal(invite.resentCount, count)
  }
  const { message } = await badRequest(users.resendInvite(acme, ada.id))
  await notFound(users.resendInvite(initech, bob.id))
  return { message }
})

const small = await createOrganization('Small')
let first
let second

await step('seat_limit', async () => {
  await client.organization.upsertUserManagementSettings(small, { maxAllowedUsers: 1 })
  first = await create(small, 'first', { sendInvitationEmail: true })
  const { message } = await badRequest(create(small, 'second'))
  assert.match(message, /limit/)
  await badRequest(users.createMembership(small, ada.id, active))
  assert.deepEqual(await memberIds(small), [first.id])
  await client.organization.upsertUserManagementSettings(small, { maxAllowedUsers: 0 })
  second = await create(small, 'second')
  assert.deepEqual(await memberIds(small), [second.id, first.id])
  return { message }
})

await step('delete_membership', async () => {
  await users.deleteMembership(globex, carl.id)
  assert.ok(!(await memberIds(globex)).includes(carl.id))
  const left = (await get(carl.id)).memberships
  assert.deepEqual(left.map(({ organizationId }) => organizationId), [acme])
  await notFound(users.deleteMembership(globex, carl.id))
  await users.deleteMembership(acme, carl.id)
  assert.deepEqual((await get(carl.id)).memberships, [])
})

await step('duplicate_email', async () => {
  const { message } = await duplicate('email', create(globex, 'eve'))
  const shouted = { email: email('eve').toUpperCase() }
  await duplicate('email', users.createUserAndMembership(globex, shouted))
  return { message }
})

await step('duplicate_external_id', async () => {
  const externalId = `eve-${run}`
  const { message } = await duplicate('external_id', create(acme, 'twin', { externalId }))
  await duplicate('external_id', users.updateUser(dora.id, { externalId }))
  return { message }
})

await step('bad_field', async () => {
  const violations = await badField('email', create(acme, '', { email: 'nobody' }))
  await badField('metadata', create(acme, 'mallory', { metadata: { k: 'too short a key' } }))
  const userProfile = { firstName: 'x'.repeat(201) }
  await badField('first_name', users.updateUser(eve.id, { userProfile }))
  return { violations }
})

await step('not_found', async () => {
  const { message } = await notFound(get(nobody))
  await notFound(users.getUserByExternalId(`nobody-${run}`))
  await notFound(users.updateUser(nobody, { metadata: { plan: 'gold' } }))
  await notFound(users.deleteUser(nobody))
  await notFound(users.deleteUserByExternalId(`nobody-${run}`))
  await notFound(create(nowhere, 'mallory'))
  await notFound(users.listOrganizationUsers(nowhere))
  await notFound(users.updateMembership(globex, eve.id))
  await notFound(users.listUserRoles(globex, eve.id))
  await notFound(users.listUserPermissions(globex, eve.id))
  return { message }
})

await step('delete', async () => {
  await users.deleteUser(carl.id) // without a membership by now
  await users.deleteUser(dora.id)
  for (const { id } of [carl, dora]) {
    await notFound(get(id))
    await notFound(users.deleteUser(id))
    assert.ok(!(await memberIds(acme)).includes(id))
  }
  await notFound(users.getUserByExternalId(`carl-${run}`))
  assert.deepEqual((await users.searchUsers(`dora.${run}`)).users, [])
})

await step('delete_by_external_id', async () => {
  await users.deleteUserByExternalId(`eve-${run}`)
  await notFound(get(eve.id))
  await notFound(users.deleteUserByExternalId(`eve-${run}`))
})

let heir

await step('email_and_external_id_are_free_again', async () => {
  heir = await create(acme, 'eve', { externalId: `eve-${run}` })
  assert.notEqual(heir.id, eve.id)
})

await step('delete_organization', async () => {
  await client.organization.deleteOrganization(acme)
  await notFound(get(heir.id)) // was nowhere else
  const left = (await get(ada.id)).memberships.map(({ organizationId }) => organizationId)
  assert.deepEqual(left.sort(), [globex, initech].sort())
  for (const id of [globex, initech, small]) await client.organization.deleteOrganization(id)
  for (const { id } of [ada, bob, first, second]) await notFound(get(id))
  for (const name of [writer, reader]) await client.role.deleteRole(name)
  for (const name of permissions) await client.permission.deletePermission(name)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
