// Readiness, asked inside the container: exit code 0 once the agent answers.
import { get } from 'node:http';

get({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080), path: '/healthz' }, (response) =>
  process.exit(response.statusCode === 200 ? 0 : 1),
).on('error', () => process.exit(1));
