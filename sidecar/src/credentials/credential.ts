/** What a target is given instead of what the agent has. */
export type TargetCredential =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'certificate'; readonly cert: string; readonly key: string; readonly username: string | undefined };
