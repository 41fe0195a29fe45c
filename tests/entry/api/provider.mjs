// An identity provider for tests: `oidc-provider`, as it comes, on loopback, with one person and one program.
// Arguments: the folder that has node_modules, the port, the address that browsers are sent back to.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, port, back] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(join(folder, "node_modules/oidc-provider/lib/index.js")));

function key(type, options, members) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid: randomBytes(8).toString("hex"), use: "sig", ...members };
}

const issuer = `http://127.0.0.1:${port}`;
const groups = ["tunewarden-reviewers", "staff"];
const provider = new Provider(issuer, {
  jwks: {
    keys: [
      key("rsa", { modulusLength: 2048 }, { alg: "RS256" }),
      key("ec", { namedCurve: "P-256" }, { alg: "ES256" }),
      key("ed25519", {}, { alg: "EdDSA" }),
    ],
  },
  cookies: { keys: [randomBytes(32).toString("hex")] },
  clients: [
    {
      client_id: "pages",
      client_secret: "s3cret/+ %",
      redirect_uris: [back],
      grant_types: ["authorization_code"],
      response_types: ["code"],
      id_token_signed_response_alg: process.env.ID_TOKEN_ALG ?? "RS256",
    },
    {
      client_id: "program",
      client_secret: "program",
      redirect_uris: [],
      response_types: [],
      grant_types: ["client_credentials"],
    },
  ],
  claims: { openid: ["sub", "groups"] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, groups }) }),
  extraTokenClaims: () => ({ groups: ["tunewarden-requesters"] }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: "api",
        audience: resource === "urn:tunewarden" ? "tunewarden" : "other",
        accessTokenFormat: "jwt",
        accessTokenTTL: 300,
        jwt: { sign: { alg: process.env.ACCESS_TOKEN_ALG ?? "RS256" } },
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
