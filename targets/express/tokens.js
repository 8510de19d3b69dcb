// Three tokens for app.js, as shell assignments: of an administrator, of a user without access, and an expired one.

import jwt from 'jsonwebtoken';

const HOUR = 3600;
const now = Math.floor(Date.now() / 1000);

function token(subject, authorities, issued) {
  const claims = { sub: subject, authorities, iat: issued, exp: issued + HOUR };
  return jwt.sign(claims, process.env.JWT_SECRET, { algorithm: 'HS256' });
}

const tokens = {
  CLOSECHECK_TOKEN: token('admin', ['ORG_ADMIN'], now),
  CLOSECHECK_UNPRIVILEGED_TOKEN: token('user', ['USER'], now),
  CLOSECHECK_EXPIRED_TOKEN: token('admin', ['ORG_ADMIN'], now - 2 * HOUR),
};
for (const [name, value] of Object.entries(tokens)) console.log(`export ${name}=${value}`);
