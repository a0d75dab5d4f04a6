// Better Auth with its organizations, as its own documentation sets it up: Node.js, PostgreSQL,
// access by a bearer token. Its rate limit is off, as ours is; passwords are hashed cheaply, since
// no figure is of sign-ins.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { bearer, organization } from "better-auth/plugins";
import pg from "pg";

const port = Number(process.env.PORT);
const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: process.env.BETTER_AUTH_SECRET,
  database: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 }),
  emailAndPassword: {
    enabled: true,
    password: { hash: async (text) => text, verify: async ({ hash, password }) => hash === password },
  },
  plugins: [organization({ organizationLimit: 1_000_000 }), bearer()],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
});

const { runMigrations } = await getMigrations(auth.options);
await runMigrations();
createServer(toNodeHandler(auth)).listen(port, "127.0.0.1");
