// The steps, for any library: { discover, clientOf, secretBasic, secretPost, none, privateKey }.

import assert from 'node:assert/strict'

import { createRemoteJWKSet, decodeJwt, exportJWK, generateKeyPair, jwtVerify } from 'jose'

import { api, clientId, clientSecret, failureOf, run, soon, step, unknown, url } from './steps.mjs'

const scopes = ['orders:read', 'orders:write', 'deploy']
const audience = ['https://orders.example.com', 'https://api.example.com']

export async function drive(library) {
  const organization = (await api('POST', 'organizations', { display_name: `Acme ${run}` })).id
  const made = await api('POST', `organizations/${organization}/clients`, {
    name: 'Orders',
    scopes,
    audience,
    custom_claims: [{ key: 'tier', value: 'gold' }],
  })
  const { client_id: id } = made.client
  const { plain_secret: secret } = made
  const other = await api('POST', `organizations/${organization}/clients`, { name: 'Other' })
  const { secretBasic, secretPost, privateKey } = library
  let server

  const as = (name, authentication) => library.clientOf(server, name, authentication)
  const orders = () => as(id, secretBasic(secret))
  const others = () => as(other.client.client_id, secretBasic(other.plain_secret))
  const environment = () => as(clientId, secretPost(clientSecret))
  const settle = (settings) => api('PATCH', `clients/${id}/settings`, settings)

  // The library has understood that it was refused, and why.
  async function refused(promise, code, status = 400) {
    const error = await failureOf(promise)
    assert.equal(error.code, 'OAUTH_RESPONSE_BODY_ERROR', String(error))
    assert.equal(error.error, code)
    assert.equal(error.status, status)
    return error.error_description
  }

  // By Basic the answer has a challenge as well, and the libraries leave its text to the caller.
  async function challenged(promise, code) {
    const error = await failureOf(promise)
    assert.equal(error.code, 'OAUTH_WWW_AUTHENTICATE_CHALLENGE', String(error))
    assert.equal(error.status, 401)
    assert.deepEqual(error.cause.map(({ scheme }) => scheme), ['basic'])
    const answer = await error.response.json()
    assert.equal(answer.error, code)
    return answer.error_description
  }

  async function discovered(algorithm) {
    const found = await library.discover(algorithm)
    assert.equal(found.issuer, url)
    assert.ok(found.grant_types_supported.includes('client_credentials'))
    for (const name of ['token', 'introspection', 'revocation']) {
      assert.ok(found[`${name}_endpoint`].startsWith(`${url}/`))
      assert.deepEqual(
        new Set(found[`${name}_endpoint_auth_methods_supported`]),
        new Set([
          ...['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
          ...(name === 'token' ? ['none'] : []), // of public clients
        ]),
      )
      const algorithms = found[`${name}_endpoint_auth_signing_alg_values_supported`]
      for (const algorithm of ['RS256', 'ES256', 'EdDSA', 'Ed25519']) {
        assert.ok(algorithms.includes(algorithm), algorithm)
      }
    }
    assert.equal(found.jwks_uri, `${url}/keys`)
    return found
  }

  await step('discovery', async () => {
    server = await discovered('oauth2')
    return { token_endpoint: server.token_endpoint }
  })

  await step('openid_configuration', async () => {
    const found = await discovered('oidc')
    assert.equal(found.token_endpoint, server.token_endpoint)
    assert.equal(found.introspection_endpoint, server.introspection_endpoint)
    assert.equal(found.revocation_endpoint, server.revocation_endpoint)
  })

  async function checkToken(client) {
    const answer = await client.token({})
    assert.equal(answer.token_type, 'bearer')
    assert.equal(answer.scope, scopes.join(' '))
    assert.equal(answer.expires_in, 3599)
    const claims = decodeJwt(answer.access_token)
    assert.equal(claims.sub, id)
    assert.deepEqual(claims.custom_claims, { tier: 'gold' })
  }

  await step('client_secret_basic', () => checkToken(orders()))
  await step('client_secret_post', () => checkToken(as(id, secretPost(secret))))

  const pairs = {
    RS256: await generateKeyPair('RS256'),
    ES256: await generateKeyPair('ES256'),
    EdDSA: await generateKeyPair('EdDSA'),
  }
  const strange = await generateKeyPair('ES256')
  const keys = []
  for (const [kid, { publicKey }] of Object.entries(pairs)) {
    keys.push({ ...(await exportJWK(publicKey)), kid, use: 'sig' })
  }
  await settle({ jwks: { keys } })
  const signed = (kid, modify) => as(id, privateKey({ key: pairs[kid].privateKey, kid }, modify))

  await step('private_key_jwt_rs256', () => soon(() => checkToken(signed('RS256'))))
  await step('private_key_jwt_es256', () => checkToken(signed('ES256')))
  await step('private_key_jwt_eddsa', async () => {
    // RFC 9864 calls it Ed25519, as both libraries do; RFC 8037, before that, EdDSA.
    for (const alg of ['Ed25519', 'EdDSA']) {
      await checkToken(signed('EdDSA', (header) => Object.assign(header, { alg })))
    }
  })

  await step('replayed_assertion', async () => {
    const twice = signed('ES256', (_, claims) => Object.assign(claims, { jti: `once-${run}` }))
    await checkToken(twice)
    return { description: await refused(twice.token({}), 'invalid_client', 401) }
  })

  await step('assertion_refused', async () => {
    const now = Math.floor(Date.now() / 1000)
    const key = strange.privateKey
    await refused(as(id, privateKey({ key, kid: 'ES256' })).token({}), 'invalid_client', 401)
    await refused(as(id, privateKey({ key, kid: 'none' })).token({}), 'invalid_client', 401)
    for (const wrong of [
      { aud: 'https://elsewhere.example.com' },
      { exp: now - 60 },
      { exp: now + 86400 },
      { nbf: now + 3600 },
      { iss: other.client.client_id },
      { sub: other.client.client_id },
      { jti: undefined },
    ]) {
      const client = signed('ES256', (_, claims) => Object.assign(claims, wrong))
      await refused(client.token({}), 'invalid_client', 401)
    }
  })

  await step('one_method_only', async () => {
    await settle({ token_endpoint_auth_method: 'private_key_jwt' })
    await soon(() => refused(as(id, secretPost(secret)).token({}), 'invalid_client', 401))
    await checkToken(signed('RS256'))
    await settle({ token_endpoint_auth_method: '' })
    await soon(async () => assert.ok(await orders().token({}).catch(() => false)))
  })

  await step('scopes', async () => {
    const { access_token: all, scope } = await orders().token({})
    assert.equal(scope, scopes.join(' '))
    assert.deepEqual(decodeJwt(all).scopes, scopes)
    const narrow = await orders().token({ scope: 'deploy orders:read' })
    assert.deepEqual(narrow.scope.split(' ').sort(), ['deploy', 'orders:read'])
    const claims = decodeJwt(narrow.access_token)
    assert.equal(claims.scope, narrow.scope)
    assert.deepEqual(claims.scopes, narrow.scope.split(' '))
  })

  await step('invalid_scope', async () => {
    const greedy = orders().token({ scope: 'deploy admin' })
    return { description: await refused(greedy, 'invalid_scope') }
  })

  await step('invalid_client', async () => {
    const nobody = `m2morg_${unknown}`
    for (const [by, refuse] of [
      [secretPost, (promise) => refused(promise, 'invalid_client', 401)],
      [secretBasic, (promise) => challenged(promise, 'invalid_client')],
    ]) {
      const wrong = await refuse(as(id, by(`${secret}x`)).token({}))
      assert.equal(await refuse(as(nobody, by(secret)).token({})), wrong)
      assert.equal(await refuse(as(id, by(other.plain_secret)).token({})), wrong)
      assert.equal(await refuse(as(id, by(`${secret}x`)).introspect('x')), wrong)
      assert.equal(await refuse(as(id, by(`${secret}x`)).revoke('x')), wrong)
    }
  })

  await step('unsupported_grant_type', async () => {
    const grant = 'urn:ietf:params:oauth:grant-type:device_code'
    return { description: await refused(orders().grant(grant), 'unsupported_grant_type') }
  })

  await step('introspection', async () => {
    const { access_token: token } = await orders().token({ scope: 'deploy' })
    const claims = decodeJwt(token)
    for (const client of [environment(), orders()]) {
      const said = await client.introspect(token)
      assert.equal(said.active, true)
      assert.equal(said.client_id, id)
      assert.equal(said.scope, 'deploy')
      assert.deepEqual(said.aud, audience)
      assert.deepEqual(said.custom_claims, { tier: 'gold' })
      for (const name of ['sub', 'iss', 'jti', 'iat', 'nbf', 'exp']) {
        assert.equal(said[name], claims[name], name)
      }
    }
    const created = await api('POST', 'tokens', { organization_id: organization })
    const said = await environment().introspect(created.token)
    assert.equal(said.active, true)
    assert.equal(said.sub, organization)
    await environment().revoke(created.token)
    await soon(async () => {
      assert.deepEqual(await environment().introspect(created.token), { active: false })
    })
  })

  await step('introspection_of_others', async () => {
    const { access_token: token } = await orders().token({})
    const inactive = { active: false }
    assert.deepEqual(await others().introspect(token), inactive)
    const broken = `${token.slice(0, -8)}AAAAAAAA`
    for (const each of [broken, 'no-token', 'a.b.c', `apit_${unknown}`]) {
      assert.deepEqual(await environment().introspect(each), inactive)
    }
  })

  await step('revocation', async () => {
    const { access_token: token } = await orders().token({})
    await refused(others().revoke(token), 'unauthorized_client')
    assert.equal((await orders().introspect(token)).active, true)
    await orders().revoke(token)
    await soon(async () => assert.equal((await environment().introspect(token)).active, false))
    for (const again of [token, 'no-token', 'a.b.c']) await orders().revoke(again)
    const { access_token: next } = await orders().token({})
    assert.equal((await orders().introspect(next)).active, true)
    await environment().revoke(next)
    await soon(async () => assert.equal((await orders().introspect(next)).active, false))
  })

  await step('public_client', async () => {
    const page = await api('POST', 'clients', { name: `Page ${run}`, client_type: 'SPA' })
    const client = as(page.client.id, library.none())
    await refused(client.revoke('no-token'), 'invalid_client', 401)
    await refused(client.introspect('no-token'), 'invalid_client', 401)
    await refused(client.token({}), 'unauthorized_client') // RFC 6749 section 4.4
    await api('DELETE', `clients/${page.client.id}`)
  })

  async function verified(algorithm) {
    const { access_token: token } = await orders().token({})
    const set = createRemoteJWKSet(new URL(server.jwks_uri))
    const { payload, protectedHeader } = await jwtVerify(token, set, {
      issuer: server.issuer,
      audience: audience[1],
      typ: 'JWT',
      requiredClaims: ['sub', 'client_id', 'iat', 'nbf', 'exp', 'jti'],
    })
    assert.equal(protectedHeader.alg, algorithm)
    assert.equal(payload.sub, id)
  }

  await step('access_token_rs256', () => verified('RS256'))
  await step('access_token_es256', async () => {
    await settle({ access_token_signing_alg: 'ES256' })
    await soon(() => verified('ES256'))
    await settle({ access_token_signing_alg: 'RS256' })
    await soon(() => verified('RS256'))
    await api('DELETE', `organizations/${organization}`)
  })
}
