export { callerOf, type Caller, type Launchers, type PodLaunch, type TrustedController } from './caller.js';
export { GRANT_SECONDS, LAUNCH_HEARD_MS, TRUSTED_CONTROLLERS_COUNT, TRUSTED_KINDS_COUNT } from './limits.js';
export { principalOf, serviceAccountOf, type ServiceAccountName, type UserInfo } from './principal.js';
export { referredCaller } from './referred.js';
export { LineageRefusal, type LineageCode } from './refusal.js';
export { decideStamp, type Presented, type Stamp, type StampRequest } from './stamp.js';
export { launchesAnew, templateHash } from './template.js';
