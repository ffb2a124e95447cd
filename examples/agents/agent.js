// What the three agents share: a JSON-over-HTTP server and a JSON-over-HTTP client. Nothing here knows of Cairn.
import { createServer } from 'node:http';
import { EnvHttpProxyAgent, fetch } from 'undici';

// Follows HTTP_PROXY and NO_PROXY where they are set, like curl and most SDKs do.
const dispatcher = new EnvHttpProxyAgent();

/** POSTs JSON and returns the JSON answer; throws with the server's own words where it refuses. */
export async function call(url, body) {
  return answerOf(
    await fetch(url, { method: 'POST', dispatcher, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  );
}

export async function get(url) {
  return answerOf(await fetch(url, { dispatcher }));
}

async function answerOf(response) {
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? answer.error ?? `status ${response.status}`);
  return answer;
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString() || '{}');
}

/** Serves `routes` (path -> async function of the request's JSON) on PORT. */
export function serve(name, routes) {
  const server = createServer(async (request, response) => {
    const send = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    try {
      if (request.url === '/healthz') return send(200, { ok: true });
      const route = routes[request.url];
      if (!route) return send(404, { error: `${name} does not know ${request.url}` });
      return send(200, await route(await bodyOf(request)));
    } catch (error) {
      console.error(`${name}: ${request.url}: ${error.message}`);
      return send(502, { error: error.message });
    }
  });
  server.listen(Number(process.env.PORT ?? 8080), process.env.HOST, () => console.log(`${name} listens on ${server.address().port}`));
  process.once('SIGTERM', () => process.exit(0));
}
