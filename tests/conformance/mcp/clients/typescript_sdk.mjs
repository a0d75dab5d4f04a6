// A client with the official TypeScript SDK; tests/support/peers/mcp_programs.py starts it.
// Arguments: the package (`sdk` for version 1, `client` for version 2), the URL of the MCP server, a
// redirect URI. It accepts every elicitation.

import { createInterface } from "node:readline";

const [library, url, redirectUrl] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport } =
  library === "client"
    ? await import("@modelcontextprotocol/client")
    : {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
      };

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value ?? '{"do": "end"}');
const write = (members) => process.stdout.write(`${JSON.stringify(members)}\n`);

class Provider {
  redirectUrl = redirectUrl;
  clientMetadata = {
    client_name: "TypeScript SDK",
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  kept = {};
  pending = null;
  state = () => "state-of-the-client";
  clientInformation = () => this.kept.client;
  saveClientInformation = (client) => { this.kept.client = client; };
  tokens = () => this.kept.tokens;
  saveTokens = (tokens) => { this.kept.tokens = tokens; };
  redirectToAuthorization = (authorizationUrl) => { this.pending = authorizationUrl; };
  saveCodeVerifier = (verifier) => { this.kept.verifier = verifier; };
  codeVerifier = () => this.kept.verifier;
  saveDiscoveryState = (found) => { this.kept.discovery = found; };
  discoveryState = () => this.kept.discovery;
  invalidateCredentials = (scope) => {
    if (scope === "all" || scope === "tokens") delete this.kept.tokens;
    if (scope === "all" || scope === "client") delete this.kept.client;
  };
}

const provider = new Provider();
let transport;

async function finishAuthorization() {
  write({ authorize: provider.pending.href });
  provider.pending = null;
  const answered = new URL((await read()).callback).searchParams;
  if (answered.get("state") !== provider.state()) throw new Error("the state differs");
  await transport.finishAuth(library === "client" ? answered : answered.get("code"));
}

// Authorizes as often as the server asks for it.
async function authorized(work) {
  for (;;) {
    try {
      return await work();
    } catch (problem) {
      if (library === "sdk" && problem.code === 403 && provider.kept.tokens.refresh_token) {
        // Version 1 only refreshes its token when a scope is missing. Without a refresh token it
        // starts an authorization, after a request that succeeds.
        delete provider.kept.tokens.refresh_token;
        await client.ping();
        continue;
      }
      if (provider.pending === null) throw problem;
      await finishAuthorization();
    }
  }
}

function newClient() {
  const about = { name: "typescript-sdk", version: "1.0.0" };
  const options = { capabilities: { elicitation: { form: {} } } };
  if (library !== "client") return new Client(about, {});
  const made = new Client(about, { ...options, versionNegotiation: { mode: "auto" } });
  made.setRequestHandler("elicitation/create", () => ({
    action: "accept",
    content: { confirm: true },
  }));
  return made;
}

let client;
await authorized(async () => {
  client = newClient();
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
});
write({ version: client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion });

for (let order = await read(); order.do !== "end"; order = await read()) {
  if (order.do === "expire") {
    // The SDK has no clock: the server refuses the token.
    provider.kept.tokens = { ...provider.kept.tokens, access_token: "expired" };
    write({});
    continue;
  }
  const result = await authorized(() =>
    client.callTool({ name: order.tool, arguments: order.arguments }),
  );
  write({
    text: result.content.map((one) => one.text).join("\n"),
    failed: result.isError === true,
    tokens: provider.kept.tokens,
  });
}
await client.close();
process.exit(0);
