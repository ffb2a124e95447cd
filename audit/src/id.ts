export { randomUUID as uuidv7 } from 'node:crypto';
