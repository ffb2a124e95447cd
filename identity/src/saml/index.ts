export { readSamlMessage, type SamlMessage } from './message.js';
export { UsedOnce, type OneTimeUse } from './replays.js';
export { samlRequest, type SamlRequest } from './request.js';
export { createSamlVerifier, LOOPBACK_ACS, type SamlVerifier, type SamlVerifierOptions, type VerifiedAssertion } from './verifier.js';
