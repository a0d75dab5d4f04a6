// An MCP server that accepts access tokens of Tenantry. Its tools require different scopes.

import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { z } from 'zod'

const environment = process.env.SCALEKIT_ENVIRONMENT_URL
const issuer = `${environment}/resources/${process.env.RESOURCE_ID}`
const resource = new URL(process.env.RESOURCE_URL ?? 'http://127.0.0.1:8000/mcp')
const metadataPath = `/.well-known/oauth-protected-resource${resource.pathname}`
const resourceMetadataUrl = resource.origin + metadataPath

const READ = 'invoices:read'
const WRITE = 'invoices:write'
const scopes = { list_invoices: READ, create_invoice: WRITE } // by tool
const invoices = new Map() // by organization

const keys = createRemoteJWKSet(new URL(`${environment}/keys`))

async function verifyAccessToken(token) {
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ['RS256', 'ES256'],
      issuer,
      audience: resource.href,
      requiredClaims: ['exp', 'sub', 'oid', 'client_id', 'scopes'],
    })
    return {
      token,
      clientId: payload.client_id,
      scopes: payload.scopes,
      expiresAt: payload.exp,
      resource,
      extra: { organization: payload.oid },
    }
  } catch (error) {
    // Without the keys, a new token would not help: status 500.
    if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout) throw error
    throw new InvalidTokenError('the access token is not valid')
  }
}

const requires = (...requiredScopes) =>
  requireBearerAuth({
    verifier: { verifyAccessToken },
    requiredScopes, // clients ask for these
    resourceMetadataUrl,
    expectedResource: resource,
  })
const mayRead = requires(READ)
// Some clients replace their scopes by the ones named here, so this names both.
const mayWrite = requires(READ, WRITE)

function newServer() {
  const server = new McpServer({ name: 'Acme invoices', version: '1.0.0' })
  const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] })
  // The organization of the caller: never an argument, which a model could choose.
  const of = ({ authInfo }) => {
    const { organization } = authInfo.extra
    if (!invoices.has(organization)) invoices.set(organization, [])
    return invoices.get(organization)
  }
  server.registerTool(
    'list_invoices',
    { description: 'List the amounts of the invoices of the organization.' },
    (extra) => text(of(extra))
  )
  server.registerTool(
    'create_invoice',
    { description: 'Create an invoice of this amount.', inputSchema: { amount: z.number().int() } },
    ({ amount }, extra) => {
      of(extra).push(amount)
      return text('created')
    }
  )
  return server
}

const app = express()

app.get(metadataPath, (_, response) => {
  response.set('Access-Control-Allow-Origin', '*').json({
    resource: resource.href,
    authorization_servers: [issuer],
    scopes_supported: [READ, WRITE],
    bearer_methods_supported: ['header'],
  })
})

app.post(
  resource.pathname,
  mayRead,
  express.json({ limit: '1mb' }),
  // A tool cannot answer with status 403, which makes a client ask the user for a scope.
  (request, response, next) => {
    const { method, params } = request.body
    const tool = method === 'tools/call' ? params?.name : ''
    return scopes[tool] === WRITE ? mayWrite(request, response, next) : next()
  },
  async (request, response) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true }) // no sessions
    await newServer().connect(transport)
    await transport.handleRequest(request, response, request.body)
  }
)

app.listen(resource.port || 8000, '127.0.0.1')
