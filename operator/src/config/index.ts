export { LOG_LEVELS, operatorConfig, type LogLevel, type OperatorConfig } from './config.js';
export type { ListenAddress } from './env.js';
