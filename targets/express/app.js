// POST /access-requests/close as one would write it in an hour from the published OpenAPI document: the document does the
// validating, this file checks the token, answers, and puts errors into the documented form. Closing itself is a stub.
//
// This is a server to be judged: where closecheck finds it wrong, docs/third-party.md says so, and it stays as it is.

import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { fileURLToPath } from 'node:url';

import express from 'express';
import * as OpenApiValidator from 'express-openapi-validator';
import jwt from 'jsonwebtoken';

const SPEC = fileURLToPath(new URL('../../spec/openapi.yaml', import.meta.url));
const BASE = '/v2024';
const secret = process.env.JWT_SECRET;
if (!secret) {
  console.error('JWT_SECRET is not set');
  process.exit(4);
}

class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function userAuth(req) {
  const token = (req.headers.authorization ?? '').split(' ')[1];
  let claims;
  try {
    claims = jwt.verify(token, secret, { algorithms: ['HS256'] });
  } catch (error) {
    const expired = error instanceof jwt.TokenExpiredError;
    throw new HttpError(401, `JWT validation failed: ${expired ? 'JWT is expired' : error.message}`);
  }
  if (!claims.authorities?.includes('ORG_ADMIN')) {
    throw new HttpError(403, 'The user may not close access requests.');
  }
  req.user = claims;
  return true;
}

const message = (text) => ({ locale: 'en-US', localeOrigin: 'DEFAULT', text });

const TEXTS = {
  400: 'The request was syntactically correct but its content is semantically invalid.',
  403: 'The server understood the request but refuses to authorize it.',
  500: 'An internal fault occurred.',
};

function errorResponse(status, error) {
  return {
    detailCode: `${status} ${STATUS_CODES[status]}`,
    trackingId: randomUUID().replaceAll('-', ''),
    messages: [message(TEXTS[status] ?? error.message)],
    causes: (error.errors ?? []).map((one) => message(`${one.path}: ${one.message}`)),
  };
}

const app = express();
app.disable('x-powered-by');
app.use(express.json());
app.use(
  OpenApiValidator.middleware({
    apiSpec: SPEC,
    validateRequests: true,
    validateResponses: false,
    validateSecurity: { handlers: { userAuth } },
  }),
);

app.post(`${BASE}/access-requests/close`, (req, res) => {
  res.status(202).json({});
});

app.use((error, req, res, next) => {
  if (res.headersSent) return next(error);
  const status = error.status ?? 500;
  if (status === 401) return res.status(401).json({ error: error.message });
  if (status >= 500) console.error(error);
  return res.status(status).json(errorResponse(status, error));
});

const port = Number(process.argv[2] ?? 4020);
app.listen(port, '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`express: http://127.0.0.1:${port}${BASE}/access-requests/close`);
});
