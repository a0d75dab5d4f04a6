// oidc-provider, an OpenID Provider of somebody else, with the clients and people of its settings.
import { Provider } from 'oidc-provider'

const { port, clients, people } = JSON.parse(process.env.SETTINGS)

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['given_name', 'family_name'],
    groups: ['groups'],
  },
  scopes: ['openid', 'email', 'profile', 'groups'],
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...people[id] }),
  }),
  features: {
    backchannelLogout: { enabled: true },
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  cookies: { keys: ['a key of these tests'] },
  // It fetches from this machine, whose addresses its own dispatcher refuses.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
})
provider.on('server_error', (_context, problem) => console.error(problem))
provider.on('grant.error', (_context, problem) => console.error(problem))
provider.on('backchannel.error', (_context, problem) => console.error(problem))
provider.on('backchannel.success', () => console.error('told by the back channel'))
provider.listen(port, '127.0.0.1')
