// oauth4webapi as a relying party; TENANTRY_URL is the issuer.

import * as library from 'oauth4webapi'

import { authentication, serve } from './relying_party.mjs'

const issuer = new URL(process.env.TENANTRY_URL)
let server

async function discovered() {
  const answer = await library.discoveryRequest(issuer, { algorithm: 'oidc' })
  return library.processDiscoveryResponse(issuer, answer)
}

async function known(client) {
  server ??= await discovered()
  return [server, { client_id: client.id }]
}

async function urlOf(client, name, parameters) {
  const [{ [name]: endpoint }] = await known(client)
  const url = new URL(endpoint)
  for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, value)
  return url.href
}

await serve({
  discover: discovered,

  authorizationUrl(client, { parameters }) {
    const whole = { client_id: client.id, response_type: 'code', ...parameters }
    return urlOf(client, 'authorization_endpoint', whole)
  },

  async tokens(client, { callback, state, nonce, verifier, maxAge }) {
    const of = await known(client)
    const { url, body } = callback
    const came = body === null ? new URL(url).searchParams : new URLSearchParams(
      await library.formPostResponse(
        new Request(url, { method: 'POST', body: new URLSearchParams(body) }),
      ),
    )
    const parameters = library.validateAuthResponse(...of, came, state)
    const bare = new URL(url)
    bare.search = ''
    const answer = await library.authorizationCodeGrantRequest(
      ...of,
      await authentication(library, client),
      parameters,
      bare.href,
      verifier ?? library.nopkce,
    )
    const processed = await library.processAuthorizationCodeResponse(...of, answer, {
      expectedNonce: nonce ?? library.expectNoNonce,
      maxAge: maxAge ?? library.skipAuthTimeCheck,
      requireIdToken: true,
    })
    await library.validateApplicationLevelSignature(of[0], answer)
    return { answer: processed, claims: library.getValidatedIdTokenClaims(processed) }
  },

  async refresh(client, { refreshToken, parameters }) {
    const of = await known(client)
    const answer = await library.refreshTokenGrantRequest(
      ...of,
      await authentication(library, client),
      refreshToken,
      { additionalParameters: parameters },
    )
    return library.processRefreshTokenResponse(...of, answer)
  },

  async userinfo(client, { accessToken, subject }) {
    const of = await known(client)
    const answer = await library.userInfoRequest(...of, accessToken)
    return library.processUserInfoResponse(...of, subject, answer)
  },

  endSessionUrl(client, { parameters }) {
    return urlOf(client, 'end_session_endpoint', parameters)
  },
})
