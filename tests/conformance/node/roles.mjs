// Drive RolesService with the official Node SDK and say what was seen, step by step.
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

const stillHeld = /role cannot be deleted as it is assigned to users$/
const nobody = `nobody_${run}`

const client = new ScalekitClient(url, clientId, clientSecret)
const roles = client.role
const permissions = client.permission

async function createPermission(name, description) {
  return (await permissions.createPermission({ name, description })).permission
}

async function getPermission(name) {
  return (await permissions.getPermission(name)).permission
}

async function create(name, fields) {
  return (await roles.createRole({ name, displayName: `The ${name}`, ...fields })).role
}

async function get(name) {
  return (await roles.getRole(name)).role
}

async function createIn(organizationId, name, fields) {
  const role = { name, displayName: `The ${name}`, ...fields }
  return (await roles.createOrganizationRole(organizationId, role)).role
}

async function getIn(organizationId, name) {
  return (await roles.getOrganizationRole(organizationId, name)).role
}

function names(list) {
  return list.map(({ name }) => name).sort()
}

async function granted(role) {
  return names((await permissions.listRolePermissions(role)).permissions)
}

async function effective(role) {
  return names((await permissions.listEffectiveRolePermissions(role)).permissions)
}

async function count(role) {
  return (await roles.getRoleUsersCount(role)).count
}

async function countIn(organizationId, role) {
  return (await roles.getOrganizationRoleUsersCount(organizationId, role)).count
}

async function dependents(role) {
  return names((await roles.listDependentRoles(role)).roles)
}

async function createUser(organizationId, name, ...held) {
  const fields = { email: `${name}.${run}@example.com` }
  const { user } = await client.user.createUserAndMembership(organizationId, fields)
  if (held.length) await client.user.updateMembership(organizationId, user.id, { roles: held })
  return user.id
}

async function held(organizationId, userId) {
  return names((await client.user.listUserRoles(organizationId, userId)).roles)
}

async function createOrganization(name) {
  return (await client.organization.createOrganization(`${name} ${run}`)).organization.id
}

const acme = await createOrganization('Acme')
const globex = await createOrganization('Globex')
const [read, write, erase] = ['read', 'write', 'erase'].map((verb) => `docs:${verb}_${run}`)
const [viewer, editor, owner] = ['viewer', 'editor', 'owner'].map((name) => `${name}_${run}`)
const [local, lead, clerk] = ['local', 'lead', 'clerk'].map((name) => `${name}_${run}`)

let permission
let role
let member

await step('create_permission', async () => {
  permission = await createPermission(read, 'Read documents')
  assert.match(permission.id, /^perm_/)
  assert.equal(permission.name, read)
  assert.equal(permission.description, 'Read documents')
  assert.equal(permission.isScalekitPermission, false)
  assert.ok(permission.createTime.seconds > 0n)
  assert.ok(permission.updateTime.seconds > 0n)
  assert.equal((await createPermission(write, '')).description, '')
  assert.equal((await createPermission(erase)).description, '')
  return { id: permission.id }
})

await step('get_permission', async () => {
  assert.deepEqual(await getPermission(read), permission)
})

await step('update_permission', async () => {
  const change = { name: read, description: 'Read any document' }
  const updated = (await permissions.updatePermission(read, change)).permission
  assert.equal(updated.id, permission.id)
  assert.equal(updated.name, read)
  assert.equal(updated.description, 'Read any document')
  assert.deepEqual(await getPermission(read), updated)
})

await step('list_permissions', async () => {
  const page = (await permissions.listPermissions()).permissions
  assert.deepEqual(page.slice(0, 3).map(({ name }) => name), [erase, write, read])
  const ours = []
  for (const name of [read, write, erase]) ours.push((await getPermission(name)).id)
  const listed = await readPages(async (token) => {
    const answer = await permissions.listPermissions(token, 2)
    return [answer.permissions, answer]
  }, ours)
  return { listed: listed.length }
})

await step('built_in_permissions', async () => {
  const page = (await permissions.listPermissions(undefined, 100)).permissions
  const builtIn = names(page.filter((each) => each.isScalekitPermission))
  assert.equal(builtIn.length, 12)
  assert.ok(builtIn.every((name) => name.startsWith('sk_org_')))
  const ofAdmin = await effective('admin')
  assert.ok(builtIn.every((name) => ofAdmin.includes(name)))
  const ofMember = await effective('member')
  assert.ok(ofMember.includes('sk_org_settings_read'))
  assert.ok(ofMember.includes('sk_org_users_read'))
  await badRequest(permissions.deletePermission(builtIn[0]))
  const change = { name: builtIn[0], description: 'ours now' }
  await badRequest(permissions.updatePermission(builtIn[0], change))
})

await step('permission_refused', async () => {
  const { message } = await duplicate('name', createPermission(read))
  for (const name of ['', 'docs.read', 'x'.repeat(65)]) {
    await badField('name', createPermission(name))
  }
  await notFound(getPermission(nobody))
  await notFound(permissions.updatePermission(nobody, { name: nobody }))
  await notFound(permissions.deletePermission(nobody))
  return { message }
})

await step('create_role', async () => {
  role = await create(viewer, { description: 'Looks' })
  assert.match(role.id, /^role_/)
  assert.equal(role.name, viewer)
  assert.equal(role.displayName, `The ${viewer}`)
  assert.equal(role.description, 'Looks')
  assert.equal(role.defaultCreator, false)
  assert.equal(role.defaultMember, false)
  assert.equal(role.isOrgRole, false)
  assert.equal(role.extends, undefined)
  return { id: role.id }
})

await step('get_role', async () => {
  assert.deepEqual(await get(viewer), role)
})

await step('list_roles', async () => {
  await createIn(acme, local)
  const listed = (await roles.listRoles()).roles
  assert.ok(listed.every((each) => each.id && each.name && each.displayName))
  assert.ok(!listed.some((each) => each.isOrgRole))
  assert.deepEqual(listed.slice(0, 2).map(({ name }) => name), ['admin', 'member'])
  assert.equal(listed.at(-1).name, viewer)
  assert.equal(listed.filter((each) => each.defaultCreator).length, 1)
  assert.equal(listed.filter((each) => each.defaultMember).length, 1)
})

await step('update_role', async () => {
  let updated = (await roles.updateRole(viewer, { displayName: 'Onlooker' })).role
  assert.equal(updated.id, role.id)
  assert.equal(updated.name, viewer)
  assert.equal(updated.displayName, 'Onlooker')
  assert.equal(updated.description, 'Looks')
  updated = (await roles.updateRole(viewer, { description: 'Looks on' })).role
  assert.equal(updated.displayName, 'Onlooker')
  assert.equal(updated.description, 'Looks on')
  assert.deepEqual(await get(viewer), updated)
})

await step('role_permissions', async () => {
  const add = async (name) => {
    const added = await permissions.addPermissionsToRole(viewer, [name])
    return names(added.permissions)
  }
  assert.deepEqual(await granted(viewer), [])
  assert.deepEqual(await add(read), [read])
  assert.deepEqual(await add(write), [read, write])
  assert.deepEqual(await granted(viewer), [read, write])
  await permissions.removePermissionFromRole(viewer, write)
  assert.deepEqual(await granted(viewer), [read])
  await roles.updateRole(viewer, { permissions: [write, erase] })
  assert.deepEqual(await granted(viewer), [erase, write])
  await roles.updateRole(viewer, { displayName: 'Viewer' })
  assert.deepEqual(await granted(viewer), [erase, write])
  await roles.updateRole(viewer, { permissions: [read] })
  assert.deepEqual(await granted(viewer), [read])
})

await step('role_permissions_unknown', async () => {
  const added = await permissions.addPermissionsToRole(viewer, [nobody])
  assert.deepEqual(names(added.permissions), [read]) // an unknown name is passed over
  await badRequest(permissions.addPermissionsToRole(viewer, ['docs.read']))
  await notFound(permissions.removePermissionFromRole(viewer, nobody))
  await badRequest(permissions.removePermissionFromRole(viewer, 'docs.read'))
  await notFound(permissions.listRolePermissions(nobody))
  await notFound(permissions.listRolePermissions('no-body'))
  await notFound(permissions.listEffectiveRolePermissions(nobody))
  await notFound(permissions.addPermissionsToRole(nobody, [read]))
  await notFound(permissions.removePermissionFromRole(nobody, read))
})

await step('inheritance', async () => {
  const child = await create(editor, { extends: viewer, permissions: [write] })
  assert.equal(child.extends, viewer)
  assert.equal((await create(owner, { extends: editor })).extends, editor)
  assert.deepEqual(await granted(owner), [])
  assert.deepEqual(await effective(owner), [read, write])
  assert.deepEqual(await effective(editor), [read, write])
  assert.deepEqual(await dependents(viewer), [editor])
  assert.equal((await get(viewer)).dependentRolesCount, 1)
  assert.deepEqual(await dependents(owner), [])
  await badRequest(roles.updateRole(viewer, { extends: owner })) // a circle
  await badRequest(roles.deleteRole(viewer)) // editor depends on it
})

await step('delete_role_base', async () => {
  await roles.deleteRoleBase(owner)
  assert.equal((await get(owner)).extends, undefined)
  assert.deepEqual(await effective(owner), [])
  assert.deepEqual(await dependents(editor), [])
  assert.equal((await roles.updateRole(owner, { extends: editor })).role.extends, editor)
  assert.deepEqual(await effective(owner), [read, write])
})

let ada

await step('users_count', async () => {
  assert.equal(await count(owner), 0n)
  ada = await createUser(acme, 'ada', owner) // invited: that counts
  assert.equal(await count(owner), 1n)
  assert.equal(await countIn(acme, local), 0n)
})

await step('delete_held_role', async () => {
  const { message } = await badRequest(roles.deleteRole(owner))
  assert.match(message, stillHeld)
  const successor = (await create(`successor_${run}`)).name
  await roles.deleteRole(owner, successor)
  await notFound(get(owner))
  assert.deepEqual(await held(acme, ada), [successor])
  assert.equal(await count(successor), 1n)
  assert.match((await badRequest(roles.deleteRole(successor))).message, stillHeld)
  await client.user.deleteMembership(acme, ada)
  await roles.deleteRole(successor)
  await notFound(get(successor))
  await client.user.deleteUser(ada)
  return { message }
})

await step('delete_base_with_replacement', async () => {
  await create(owner)
  await roles.deleteRole(viewer, owner)
  await notFound(get(viewer))
  assert.equal((await get(editor)).extends, owner)
  assert.deepEqual(await dependents(owner), [editor])
})

await step('default_roles', async () => {
  const listed = (await roles.listRoles()).roles
  const creator = listed.find((each) => each.defaultCreator).name
  member = listed.find((each) => each.defaultMember).name
  const before = { defaultCreatorRole: creator, defaultMemberRole: member }
  try {
    const same = await roles.updateDefaultRoles({ defaultCreatorRole: creator })
    assert.equal(same.defaultCreator.name, creator)
    assert.equal(same.defaultMember.name, member)
    const ours = { defaultCreatorRole: owner, defaultMemberRole: editor }
    const answer = await roles.updateDefaultRoles(ours)
    assert.deepEqual(answer.defaultCreator, await get(owner))
    assert.deepEqual(answer.defaultMember, await get(editor))
    assert.equal((await get(owner)).defaultCreator, true)
    assert.equal((await get(editor)).defaultMember, true)
    assert.equal((await get(member)).defaultMember, false)
    await badRequest(roles.deleteRole(editor))
    const bob = await createUser(acme, 'bob')
    assert.deepEqual(await held(acme, bob), [editor])
    await client.user.deleteUser(bob)
    await refused(roles.updateDefaultRoles({ ...before, defaultCreatorRole: nobody }))
    await badRequest(roles.updateDefaultRoles({ defaultMemberRole: member }))
  } finally {
    await roles.updateDefaultRoles(before)
  }
  assert.equal((await get(member)).defaultMember, true)
})

await step('role_refused', async () => {
  const { message } = await duplicate('name', create(editor))
  for (const name of ['', 'no-body', 'x'.repeat(65)]) await badField('name', create(name))
  await notFound(get(nobody))
  await notFound(roles.updateRole(nobody, { displayName: 'Nobody' }))
  await notFound(roles.deleteRole(nobody))
  await notFound(roles.deleteRoleBase(nobody))
  await notFound(roles.getRoleUsersCount(nobody))
  await notFound(roles.listDependentRoles(nobody))
  return { message }
})

await step('delete_role', async () => {
  for (const name of [editor, owner]) {
    await roles.deleteRole(name)
    await notFound(get(name))
  }
  await notFound(roles.deleteRole(owner))
  await create(owner, { permissions: [erase] })
  assert.deepEqual(await granted(owner), [erase])
})

await step('delete_permission', async () => {
  // owner holds the last
  for (const name of [read, write, erase]) {
    await permissions.deletePermission(name)
    await notFound(getPermission(name))
  }
  assert.deepEqual(await granted(owner), [])
  await roles.deleteRole(owner)
  await permissions.deletePermission((await createPermission(read)).name)
})

await step('create_organization_role', async () => {
  role = await createIn(acme, clerk, { description: 'Files' })
  assert.match(role.id, /^role_/)
  assert.equal(role.name, clerk)
  assert.equal(role.displayName, `The ${clerk}`)
  assert.equal(role.description, 'Files')
  assert.equal(role.isOrgRole, true)
  assert.notEqual((await createIn(globex, clerk)).id, role.id) // a name is one organization's own
})

await step('get_organization_role', async () => {
  assert.deepEqual(await getIn(acme, clerk), role)
})

await step('list_organization_roles', async () => {
  const list = async (id) => new Map(
    (await roles.listOrganizationRoles(id)).roles.map((each) => [each.name, each]),
  )
  const listed = await list(acme)
  assert.ok(['admin', 'member', local, clerk].every((name) => listed.has(name)))
  assert.equal(listed.get(clerk).isOrgRole, true)
  assert.equal(listed.get('admin').isOrgRole, false)
  assert.ok(!(await list(globex)).has(local))
})

await step('update_organization_role', async () => {
  const change = { displayName: 'Senior clerk' }
  const updated = (await roles.updateOrganizationRole(acme, clerk, change)).role
  assert.equal(updated.id, role.id)
  assert.equal(updated.name, clerk)
  assert.equal(updated.displayName, 'Senior clerk')
  assert.equal(updated.description, 'Files')
  assert.equal(updated.isOrgRole, true)
  assert.deepEqual(await getIn(acme, clerk), updated)
  assert.equal((await getIn(globex, clerk)).displayName, `The ${clerk}`)
})

await step('delete_organization_role_base', async () => {
  assert.equal((await createIn(acme, lead, { extends: clerk })).extends, clerk)
  await badRequest(roles.deleteOrganizationRole(acme, clerk))
  await roles.deleteOrganizationRoleBase(acme, lead)
  assert.equal((await getIn(acme, lead)).extends, undefined)
})

let carl

await step('delete_held_organization_role', async () => {
  assert.equal(await countIn(acme, clerk), 0n)
  carl = await createUser(acme, 'carl', clerk)
  assert.equal(await countIn(acme, clerk), 1n)
  assert.match((await badRequest(roles.deleteOrganizationRole(acme, clerk))).message, stillHeld)
  await roles.deleteOrganizationRole(acme, clerk, lead)
  await notFound(getIn(acme, clerk))
  assert.deepEqual(await held(acme, carl), [lead])
})

await step('default_organization_role', async () => {
  const answer = await roles.updateDefaultOrganizationRoles(acme, local)
  assert.equal(answer.defaultMember.name, local)
  const dora = await createUser(acme, 'dora')
  assert.deepEqual(await held(acme, dora), [local])
  await client.user.deleteUser(dora)
  await roles.deleteOrganizationRole(acme, local)
  assert.deepEqual(await held(acme, await createUser(acme, 'eve')), [member])
})

await step('organization_role_refused', async () => {
  const { message } = await duplicate('name', createIn(acme, lead))
  await duplicate('name', createIn(acme, 'admin'))
  await badField('org_id', createIn('', nobody))
  await notFound(createIn(`org_${unknown}`, nobody))
  await notFound(getIn(globex, lead))
  await notFound(roles.updateOrganizationRole(globex, lead, { displayName: 'Nobody' }))
  await notFound(roles.deleteOrganizationRole(globex, lead))
  await notFound(roles.deleteOrganizationRoleBase(globex, lead))
  await notFound(roles.getOrganizationRoleUsersCount(globex, lead))
  await refused(roles.updateDefaultOrganizationRoles(acme, nobody))
  return { message }
})

await step('delete_organization_role', async () => {
  await client.user.deleteUser(carl)
  await roles.deleteOrganizationRole(acme, lead)
  await notFound(getIn(acme, lead))
  await notFound(roles.deleteOrganizationRole(acme, lead))
  // globex with its role
  for (const id of [acme, globex]) await client.organization.deleteOrganization(id)
})

// The SDK keeps its HTTP/2 connection for minutes and has no way to close it.
process.exit(0)
