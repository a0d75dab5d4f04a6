// openid-client as a relying party; TENANTRY_URL is the issuer.

import * as library from 'openid-client'

import { authentication, serve } from './relying_party.mjs'

const issuer = new URL(process.env.TENANTRY_URL)
let server

async function configured(client) {
  server ??= (await library.discovery(issuer, 'nobody', {}, library.None())).serverMetadata()
  const by = await authentication(library, client)
  const config = new library.Configuration(server, client.id, {}, by)
  library.enableNonRepudiationChecks(config) // verify signatures, whatever TLS says
  return config
}

await serve({
  async discover() {
    const found = await library.discovery(issuer, 'nobody', {}, library.None())
    return found.serverMetadata()
  },

  async authorizationUrl(client, { parameters }) {
    return library.buildAuthorizationUrl(await configured(client), parameters).href
  },

  async tokens(client, { callback, state, nonce, verifier, maxAge }) {
    const { url, body } = callback
    const came = body === null ? new URL(url) : new Request(url, {
      method: 'POST',
      body: new URLSearchParams(body),
    })
    const answer = await library.authorizationCodeGrant(await configured(client), came, {
      expectedState: state,
      expectedNonce: nonce ?? undefined,
      pkceCodeVerifier: verifier ?? undefined,
      maxAge: maxAge ?? undefined,
      idTokenExpected: true,
    })
    return { answer, claims: answer.claims() }
  },

  async refresh(client, { refreshToken, parameters }) {
    return library.refreshTokenGrant(await configured(client), refreshToken, parameters)
  },

  async userinfo(client, { accessToken, subject }) {
    return library.fetchUserInfo(await configured(client), accessToken, subject)
  },

  async endSessionUrl(client, { parameters }) {
    return library.buildEndSessionUrl(await configured(client), parameters).href
  },
})
