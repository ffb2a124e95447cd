/** Asks the API server whose a token is (TokenReview, authentication.k8s.io/v1), with a bound on how often. */
import { IdentityError, TokenCache } from '@cairn/identity';
import { REVIEW_SECONDS, REVIEW_TOKEN_CHARACTERS, REVIEWS_REMEMBERED, REVIEWS_RUNNING } from './limits.js';

/** status of a TokenReview, as the API server answers it. */
export interface TokenReviewStatus {
  authenticated?: boolean;
  audiences?: string[];
  user?: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };
}

/** Creates a TokenReview and resolves to its status. Rejects where the API server does not answer. */
export type ReviewToken = (token: string, audiences: readonly string[]) => Promise<TokenReviewStatus>;

/** A user as the API server knows them. */
export interface ReviewedUser {
  username: string;
  uid: string | undefined;
  groups: string[];
  extra: Readonly<Record<string, readonly string[]>>;
}

export interface TokenReviews {
  /** Throws IdentityError: `audience` or `signature` where the token does not hold, `unavailable` where nobody could tell. */
  userOf(token: string): Promise<ReviewedUser>;
}

function userIn({ authenticated, audiences, user }: TokenReviewStatus, audience: string): ReviewedUser {
  if (authenticated !== true || !user?.username) {
    throw new IdentityError(
      'signature',
      'the API server does not know the token: it has expired, is for another audience, or is of another cluster',
    );
  }
  // An authenticator that knows no audiences leaves them out: the token would then be one for the API server itself.
  if (!audiences?.includes(audience)) throw new IdentityError('audience', `the token is not for the audience ${audience}`);
  const { username, uid, groups = [], extra = {} } = user;
  return { username, uid: uid || undefined, groups, extra };
}

export function createTokenReviews(review: ReviewToken, audience: string, clock: () => number = Date.now): TokenReviews {
  const known = new TokenCache<ReviewedUser>(REVIEWS_REMEMBERED);
  let running = 0;

  async function ask(token: string): Promise<TokenReviewStatus> {
    if (running >= REVIEWS_RUNNING) throw new IdentityError('unavailable', 'too many tokens are being asked about; try again in a moment');
    running++;
    try {
      return await review(token, [audience]);
    } catch (error) {
      throw new IdentityError('unavailable', 'the API server could not be asked whose the token is; try again in a moment', {
        cause: error,
      });
    } finally {
      running--;
    }
  }

  return {
    async userOf(token) {
      if (token.length > REVIEW_TOKEN_CHARACTERS)
        throw new IdentityError('malformed', `the token is longer than ${REVIEW_TOKEN_CHARACTERS} characters`);
      const key = TokenCache.key(token);
      const now = clock() / 1000;
      const remembered = known.get(key, now);
      if (remembered) return remembered;
      const user = userIn(await ask(token), audience);
      known.set(key, user, now + REVIEW_SECONDS);
      return user;
    },
  };
}
